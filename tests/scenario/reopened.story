# A message soon after closing goes on with the same agent, with affinity off too; a new visit does not.
> found agent amy
> found agent ben
> found bridge tao
> olga setting_set {"name":"affinity","value":0}
[olga] audit_added seq=9 prev=0 audit={number=4 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="affinity" before="1" after="0"}
[olga] setting_changed seq=10 prev=0 setting={name="affinity" value=0 unit="0 off, 1 prefer, 2 wait" max=2 standard=1 help="whether a returning buyer goes to its last agent"}
olga <- done ref=4 seq=10
> tao open {"channel":"taobao","buyer":"b1"}
[olga tao] session_changed seq=11 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=12 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=1 session=1 seq=12 customer=1 state=open
> amy close {"session":1}
[olga amy tao] session_changed seq=13 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 reason=resolved bridge=4} by=2
amy <- done ref=2 session=1 seq=13 state=closed
> tao say {"session":1,"text":"one thing more"}
[olga tao] session_changed seq=14 prev=0 change=reopened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=4} by=4
[olga amy tao] session_changed seq=15 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 last_agent=2 visits=1} by=4
[olga amy] message_added seq=16 prev=0 message={session=1 number=1 sender=buyer kind=text text="one thing more" wall_ms=1764000001000 salt=000000000000000e0000000000000000}
tao <- done ref=2 session=1 number=1 seq=16 state=open
> amy close {"session":1}
[olga amy tao] session_changed seq=17 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 reason=resolved returning=true bridge=4} by=2
amy <- done ref=3 session=1 seq=17 state=closed
> tao open {"channel":"taobao","buyer":"b1"}
[olga tao] session_changed seq=18 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=4} by=4
[olga ben tao] session_changed seq=19 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 last_agent=2 visits=2} by=4
tao <- done ref=3 session=2 seq=19 customer=1 state=open
> olga asks get_explanations {"session":1}
olga <- explanation_page cursor=19 explanations=[{session=1 seq=12 wall_ms=1764000001000 decision=assigned cause=new decider=lowest_id group=1 klass=normal agent=2 eligible=2 sharing=2 limit=12 owed_before_micro=500000 owed_after_micro=-500000 skipped=[{agent=3 why=owed_less owed_micro=500000}] rule="default"} {session=1 seq=15 wall_ms=1764000001000 decision=assigned cause=reopened decider=affinity group=1 klass=normal agent=2 eligible=2 sharing=2 limit=15 owed_after_micro=-1000000 skipped=[{agent=3 why=owed_less owed_micro=1000000}] rule="same"}]
