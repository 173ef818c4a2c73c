# Sessions that wait for their buyer stop counting, then close by themselves.
> found agent amy
> found bridge tao
> olga setting_set {"name":"close_s","value":3600}
[olga] audit_added seq=6 prev=0 audit={number=3 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="close_s" before="1800" after="3600"}
[olga] setting_changed seq=7 prev=0 setting={name="close_s" value=3600 unit="s" max=864000 standard=1800 help="without a message, and nothing unanswered: closed by itself; 0: never"}
olga <- done ref=3 seq=7
> olga setting_set {"name":"limit_routed","value":1}
[olga] audit_added seq=8 prev=0 audit={number=4 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="limit_routed" before="12" after="1"}
[olga] setting_changed seq=9 prev=0 setting={name="limit_routed" value=1 unit="sessions" min=1 max=30 standard=12 help="active sessions below which an agent gets routed ones"}
olga <- done ref=4 seq=9
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=10 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=11 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
[olga amy] message_added seq=12 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000a0000000000000000}
tao <- done ref=1 session=1 number=1 seq=12 customer=1 state=open
> tao open {"channel":"taobao","buyer":"b2","text":"hello"}
[olga tao] session_changed seq=13 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=3} by=3
[olga tao] session_changed seq=14 prev=0 change=queued session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=3} by=3
[olga] message_added seq=15 prev=0 message={session=2 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000b0000000000000000}
tao <- done ref=2 session=2 number=1 seq=15 customer=2 state=queued
> amy say {"session":1,"text":"hello"}
[olga amy tao] message_added seq=16 prev=0 message={session=1 number=2 sender=agent agent=2 kind=text text="hello" wall_ms=1764000001000 salt=000000000000000c0000000000000000}
amy <- done ref=2 session=1 number=2 seq=16
> wait 1799s
# Idle now: the place is free, and the waiting session takes it.
> wait 1s
[olga amy tao] session_changed seq=17 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=3} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1}
> tao say {"session":1,"text":"awake"}
[olga amy] message_added seq=18 prev=0 message={session=1 number=3 sender=buyer kind=text text="awake" wall_ms=1764001801000 salt=000000000000000e0000000000000000}
tao <- done ref=3 session=1 number=3 seq=18
> olga asks get_agents {}
olga <- agent_page cursor=18 agents=[{agent=1 login="olga" name="olga" state=offline limit=1 weight=100 role=owner account=active} {agent=2 login="amy" state=online since_ms=1764000001000 active=2 limit=1 taken=2 weight=100 groups=[1] role=agent account=active available_ms=1800000} {agent=3 login="tao" state=offline limit=1 weight=100 role=bridge account=active}]
> amy say {"session":1,"text":"good"}
[olga amy tao] message_added seq=19 prev=0 message={session=1 number=4 sender=agent agent=2 kind=text text="good" wall_ms=1764001801000 salt=000000000000000f0000000000000000}
amy <- done ref=3 session=1 number=4 seq=19
> wait 61min
[olga amy tao] session_changed seq=20 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=4 reason=timeout bridge=3}
