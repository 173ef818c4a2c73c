# A returning buyer goes to the last agent; a message soon after closing reopens the session.
> found agent amy
> found agent ben
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy] message_added seq=11 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000b0000000000000000}
tao <- done ref=1 session=1 number=1 seq=11 customer=1 state=open
> amy close {"session":1}
[olga amy tao] session_changed seq=12 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 reason=resolved bridge=4} by=2
amy <- done ref=2 session=1 seq=12 state=closed
> tao open {"channel":"taobao","buyer":"b2"}
[olga tao] session_changed seq=13 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} by=4
[olga ben tao] session_changed seq=14 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=3 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=2 session=2 seq=14 customer=2 state=open
> tao open {"channel":"taobao","buyer":"b1","text":"me again"}
[olga tao] session_changed seq=15 prev=0 change=opened session={session=3 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=4} by=4
[olga amy tao] session_changed seq=16 prev=0 change=assigned session={session=3 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 last_agent=2 visits=2} by=4
[olga amy] message_added seq=17 prev=0 message={session=3 number=1 sender=buyer kind=text text="me again" wall_ms=1764000001000 salt=000000000000000e0000000000000000}
tao <- done ref=3 session=3 number=1 seq=17 customer=1 state=open
> amy close {"session":3}
[olga amy tao] session_changed seq=18 prev=0 change=closed session={session=3 state=closed klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 reason=resolved returning=true bridge=4} by=2
amy <- done ref=3 session=3 seq=18 state=closed
> wait 60s
> tao say {"session":3,"text":"one more thing"}
[olga tao] session_changed seq=19 prev=0 change=reopened session={session=3 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 returning=true bridge=4} by=4
[olga amy tao] session_changed seq=20 prev=0 change=assigned session={session=3 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 returning=true bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 last_agent=2 visits=2} by=4
[olga amy] message_added seq=21 prev=0 message={session=3 number=2 sender=buyer kind=text text="one more thing" wall_ms=1764000061000 salt=00000000000000100000000000000000}
tao <- done ref=4 session=3 number=2 seq=21 state=open
> amy close {"session":3}
[olga amy tao] session_changed seq=22 prev=0 change=closed session={session=3 state=closed klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=2 reason=resolved returning=true bridge=4} by=2
amy <- done ref=4 session=3 seq=22 state=closed
> wait 31min
[olga ben tao] session_changed seq=23 prev=0 change=closed session={session=2 state=closed klass=normal group=1 agent=3 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 reason=timeout bridge=4}
> tao say {"session":3,"text":"too late"}
tao <- error ref=5 code=state field="session" state=closed
# Affinity `wait`: the session waits for a paused agent, then goes on as new.
> olga setting_set {"name":"affinity","value":2}
[olga] audit_added seq=24 prev=0 audit={number=4 wall_ms=1764001921000 who=1 device=1000 what="setting_set" subject="affinity" before="1" after="2"}
[olga] setting_changed seq=25 prev=0 setting={name="affinity" value=2 unit="0 off, 1 prefer, 2 wait" max=2 standard=1 help="whether a returning buyer goes to its last agent"}
olga <- done ref=4 seq=25
> amy be {"state":"paused"}
[olga amy] agent_changed seq=26 prev=0 agent={agent=2 state=paused reason=other since_ms=1764001921000 limit=12 owed_micro=-1000000 taken=3 weight=100 groups=[1] role=agent account=active available_ms=1920000} by=2
amy <- done ref=5 agent=2
> tao open {"channel":"taobao","buyer":"b1","text":"and again"}
[olga tao] session_changed seq=27 prev=0 change=opened session={session=4 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764001921000 returning=true bridge=4} by=4
[olga tao] session_changed seq=28 prev=0 change=queued session={session=4 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764001921000 returning=true bridge=4} by=4
[olga] message_added seq=29 prev=0 message={session=4 number=1 sender=buyer kind=text text="and again" wall_ms=1764001921000 salt=00000000000000160000000000000000}
tao <- done ref=6 session=4 number=1 seq=29 customer=1 state=queued
> wait 59s
> wait 1s
[olga ben tao] session_changed seq=30 prev=0 change=assigned session={session=4 state=open klass=normal group=1 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764001921000 waiting_ms=1764001921000 number=1 returning=true bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764001921000 last_agent=2 visits=3}
> olga asks get_explanations {"session":4}
olga <- explanation_page cursor=30 explanations=[{session=4 seq=28 wall_ms=1764001921000 decision=queued cause=returning decider=awaited group=1 klass=normal skipped=[{agent=2 why=not_online owed_micro=-1000000} {agent=3 why=not_awaited owed_micro=1000000}] position=1 rule="default"} {session=4 seq=30 wall_ms=1764001981000 decision=assigned cause=new decider=only_one group=1 klass=normal agent=3 eligible=1 sharing=1 limit=12 owed_before_micro=2000000 owed_after_micro=1000000 skipped=[{agent=2 why=not_online owed_micro=-1000000}] waited_s=60 rule="same"}]
