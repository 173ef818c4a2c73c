# A double click is a message too: a session whose owner is lost for longer than the grace is routed.
> found agent amy
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=6 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=7 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
[olga amy] message_added seq=8 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=00000000000000080000000000000000}
tao <- done ref=1 session=1 number=1 seq=8 customer=1 state=open
> amy say {"session":1,"text":"yes?"}
[olga amy tao] message_added seq=9 prev=0 message={session=1 number=2 sender=agent agent=2 kind=text text="yes?" wall_ms=1764000001000 salt=00000000000000090000000000000000}
amy <- done ref=2 session=1 number=2 seq=9
> found agent ben
> amy goes
[olga] agent_changed seq=13 prev=0 agent={agent=2 state=lost since_ms=1764000001000 active=1 limit=12 taken=1 weight=100 groups=[1] role=agent account=active}
> wait 20s
> tao open {"channel":"taobao","buyer":"b1","text":"are you there?"}
[olga tao] session_changed seq=14 prev=0 change=taken_back session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=2 bridge=3} from=2 by=3
[olga tao ben] session_changed seq=15 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=4 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=2 bridge=3} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
[olga ben] message_added seq=16 prev=0 message={session=1 number=3 sender=buyer kind=text text="are you there?" wall_ms=1764000021000 salt=000000000000000f0000000000000000}
tao <- done ref=2 session=1 number=3 seq=16 customer=1 joined=true state=open
# Who served a buyer last may write notes for 7 days, not for ever.
> ben close {"session":1}
[olga tao ben] session_changed seq=17 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=4 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=3 reason=resolved bridge=3} by=4
ben <- done ref=2 session=1 seq=17 state=closed
> ben note_add {"customer":1,"text":"likes green"}
[olga] note_changed seq=18 prev=0 customer=1 note={note=1 revision=1 author=4 wall_ms=1764000021000 text="likes green"}
ben <- done ref=3 seq=18 customer=1 note=1 revision=1
> wait 10080min
> ben note_add {"customer":1,"text":"on the last day"}
[olga] note_changed seq=19 prev=0 customer=1 note={note=2 revision=1 author=4 wall_ms=1764604821000 text="on the last day"}
ben <- done ref=4 seq=19 customer=1 note=2 revision=1
> wait 1ms
> ben note_add {"customer":1,"text":"a day too late"}
ben <- error ref=5 code=not_found field="customer"
# Reopening switched off is off, even in the same moment.
> olga setting_set {"name":"reopen_s","value":0}
[olga] audit_added seq=20 prev=0 audit={number=4 wall_ms=1764604821001 who=1 device=1000 what="setting_set" subject="reopen_s" before="1800" after="0"}
[olga] setting_changed seq=21 prev=0 setting={name="reopen_s" value=0 unit="s" max=864000 standard=1800 help="after closing, during which a message reopens the session; 0: never"}
olga <- done ref=4 seq=21
> tao open {"channel":"taobao","buyer":"b2"}
[olga tao] session_changed seq=22 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764604821001 bridge=3} by=3
[olga tao ben] session_changed seq=23 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=4 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764604821001 bridge=3} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764604821001 last_ms=1764604821001 visits=1} by=3
tao <- done ref=3 session=2 seq=23 customer=2 state=open
> tao leave {"session":2}
[olga tao ben] session_changed seq=24 prev=0 change=closed session={session=2 state=closed klass=normal group=1 agent=4 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764604821001 reason=buyer_left bridge=3} by=3
tao <- done ref=4 session=2 seq=24 state=closed
> tao say {"session":2,"text":"wait!"}
tao <- error ref=5 code=state field="session" state=closed
