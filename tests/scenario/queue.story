# Nobody is online: sessions wait; whoever comes takes the best class, then the oldest.
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"one"}
[olga tao] session_changed seq=3 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=2} by=2
[olga tao] session_changed seq=4 prev=0 change=queued session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=2} by=2
[olga] message_added seq=5 prev=0 message={session=1 number=1 sender=buyer kind=text text="one" wall_ms=1764000001000 salt=00000000000000050000000000000000}
tao <- done ref=1 session=1 number=1 seq=5 customer=1 state=queued
> tao open {"channel":"taobao","buyer":"b2","text":"two"}
[olga tao] session_changed seq=6 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=2} by=2
[olga tao] session_changed seq=7 prev=0 change=queued session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=2} by=2
[olga] message_added seq=8 prev=0 message={session=2 number=1 sender=buyer kind=text text="two" wall_ms=1764000001000 salt=00000000000000060000000000000000}
tao <- done ref=2 session=2 number=1 seq=8 customer=2 state=queued
> tao open {"channel":"taobao","buyer":"b3","klass":"vip","text":"three"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=3 state=queued klass=vip group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 bridge=2} by=2
[olga tao] session_changed seq=10 prev=0 change=queued session={session=3 state=queued klass=vip group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 bridge=2} by=2
[olga] message_added seq=11 prev=0 message={session=3 number=1 sender=buyer kind=text text="three" wall_ms=1764000001000 salt=00000000000000070000000000000000}
tao <- done ref=3 session=3 number=1 seq=11 customer=3 state=queued
> tao open {"channel":"taobao","buyer":"b4","klass":"complaint"}
[olga tao] session_changed seq=12 prev=0 change=opened session={session=4 state=queued klass=complaint group=1 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 bridge=2} by=2
[olga tao] session_changed seq=13 prev=0 change=queued session={session=4 state=queued klass=complaint group=1 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 bridge=2} by=2
tao <- done ref=4 session=4 seq=13 customer=4 state=queued
# A double click joins the first.
> tao open {"channel":"taobao","buyer":"b2","text":"two again"}
[olga] message_added seq=14 prev=0 message={session=2 number=2 sender=buyer kind=text text="two again" wall_ms=1764000001000 salt=00000000000000090000000000000000}
tao <- done ref=5 session=2 number=2 seq=14 customer=2 joined=true state=queued
> tao leave {"session":1}
[olga tao] session_changed seq=15 prev=0 change=closed session={session=1 state=closed klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 reason=abandoned bridge=2} by=2
tao <- done ref=6 session=1 seq=15 state=closed
> tao leave {"session":1}
tao <- error ref=7 code=state field="session" state=closed
> olga setting_set {"name":"limit_routed","value":1}
[olga] audit_added seq=16 prev=0 audit={number=2 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="limit_routed" before="12" after="1"}
[olga] setting_changed seq=17 prev=0 setting={name="limit_routed" value=1 unit="sessions" min=1 max=30 standard=12 help="active sessions below which an agent gets routed ones"}
olga <- done ref=2 seq=17
> found agent amy
> olga asks get_sessions {}
olga <- session_page cursor=21 sessions=[{session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=2 position=2 bridge=2} {session=3 state=queued klass=vip group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 position=1 bridge=2} {session=4 state=open klass=complaint group=1 agent=3 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 bridge=2}]
> amy close {"session":4}
[olga tao amy] session_changed seq=22 prev=0 change=closed session={session=4 state=closed klass=complaint group=1 agent=3 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 reason=resolved bridge=2} by=3
[olga tao amy] session_changed seq=23 prev=0 change=assigned session={session=3 state=open klass=vip group=1 agent=3 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=2} card={customer=3 nick="b3" channel="taobao" buyer="b3" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
amy <- done ref=2 session=4 seq=23 state=closed
# Waiting lifts a session one class a minute: the normal one has overtaken a fresh VIP.
> wait 120s
> tao open {"channel":"taobao","buyer":"b5","klass":"vip"}
[olga tao] session_changed seq=24 prev=0 change=opened session={session=5 state=queued klass=vip group=1 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000121000 bridge=2} by=2
[olga tao] session_changed seq=25 prev=0 change=queued session={session=5 state=queued klass=vip group=1 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000121000 bridge=2} by=2
tao <- done ref=8 session=5 seq=25 customer=5 state=queued
> amy close {"session":3}
[olga tao amy] session_changed seq=26 prev=0 change=closed session={session=3 state=closed klass=vip group=1 agent=3 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 number=1 reason=resolved bridge=2} by=3
[olga tao amy] session_changed seq=27 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=3 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=2 bridge=2} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
amy <- done ref=3 session=3 seq=27 state=closed
> olga asks get_explanations {"session":2}
olga <- explanation_page cursor=27 explanations=[{session=2 seq=7 wall_ms=1764000001000 decision=queued cause=new decider=nobody group=1 klass=normal position=2 rule="default"} {session=2 seq=27 wall_ms=1764000121000 decision=assigned cause=freed decider=only_one group=1 klass=normal agent=3 eligible=1 sharing=1 limit=1 owed_before_micro=1000000 waited_s=120 rule="same"}]
> olga asks get_status {}
olga <- floor_status cursor=27 floor="shop" online=1 offline=1 queued=1 open=1 sessions=5 customers=5 messages=4 oldest_ms=1764000121000 groups=[{group=1 name="default" title="默认" queued=1 available=1 oldest_ms=1764000121000}]
