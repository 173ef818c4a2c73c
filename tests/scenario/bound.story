# A lowered bound of balances holds for everybody at once, in a group or not.
> found agent amy
> found agent ben
> found bridge tao
> olga setting_set {"name":"limit_routed","value":30}
[olga] audit_added seq=9 prev=0 audit={number=4 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="limit_routed" before="12" after="30"}
[olga] setting_changed seq=10 prev=0 setting={name="limit_routed" value=30 unit="sessions" min=1 max=30 standard=12 help="active sessions below which an agent gets routed ones"}
olga <- done ref=4 seq=10
> olga setting_set {"name":"load_bands","value":1}
[olga] audit_added seq=11 prev=0 audit={number=5 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="load_bands" before="2" after="1"}
[olga] setting_changed seq=12 prev=0 setting={name="load_bands" value=1 unit="bands" min=1 max=16 standard=2 help="1: online time alone decides; more: the load first"}
olga <- done ref=5 seq=12
> olga setting_set {"name":"policy","value":3}
[olga] audit_added seq=13 prev=0 audit={number=6 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="policy" before="0" after="3"}
[olga] setting_changed seq=14 prev=0 setting={name="policy" value=3 unit="0 owed, 1 longest_idle, 2 least_active, 3 round_robin" max=3 help="who is picked among those who could take it"}
olga <- done ref=6 seq=14
> olga account_set {"agent":2,"weight":1}
[olga] audit_added seq=15 prev=0 audit={number=7 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="amy" before="agent, active, weight 100, limit 0, 1 groups" after="agent, active, weight 1, limit 0, 1 groups"}
[olga amy] account_changed seq=16 prev=0 account={agent=2 login="amy" state=online since_ms=1764000001000 limit=30 weight=1 groups=[1] role=agent account=active}
olga <- done ref=7 seq=16 agent=2
> tao open {"channel":"taobao","buyer":"b1"}
[olga tao] session_changed seq=17 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=18 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=1 session=1 seq=18 customer=1 state=open
> tao open {"channel":"taobao","buyer":"b2"}
[olga tao] session_changed seq=19 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} by=4
[olga ben tao] session_changed seq=20 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=3 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=2 session=2 seq=20 customer=2 state=open
> tao open {"channel":"taobao","buyer":"b3"}
[olga tao] session_changed seq=21 prev=0 change=opened session={session=3 state=queued klass=normal group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=22 prev=0 change=assigned session={session=3 state=open klass=normal group=1 agent=2 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 bridge=4} card={customer=3 nick="b3" channel="taobao" buyer="b3" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=3 session=3 seq=22 customer=3 state=open
> tao open {"channel":"taobao","buyer":"b4"}
[olga tao] session_changed seq=23 prev=0 change=opened session={session=4 state=queued klass=normal group=1 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 bridge=4} by=4
[olga ben tao] session_changed seq=24 prev=0 change=assigned session={session=4 state=open klass=normal group=1 agent=3 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 bridge=4} card={customer=4 nick="b4" channel="taobao" buyer="b4" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=4 session=4 seq=24 customer=4 state=open
> tao open {"channel":"taobao","buyer":"b5"}
[olga tao] session_changed seq=25 prev=0 change=opened session={session=5 state=queued klass=normal group=1 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=26 prev=0 change=assigned session={session=5 state=open klass=normal group=1 agent=2 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000001000 bridge=4} card={customer=5 nick="b5" channel="taobao" buyer="b5" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=5 session=5 seq=26 customer=5 state=open
> tao open {"channel":"taobao","buyer":"b6"}
[olga tao] session_changed seq=27 prev=0 change=opened session={session=6 state=queued klass=normal group=1 customer=6 nick="b6" channel="taobao" buyer="b6" opened_ms=1764000001000 bridge=4} by=4
[olga ben tao] session_changed seq=28 prev=0 change=assigned session={session=6 state=open klass=normal group=1 agent=3 customer=6 nick="b6" channel="taobao" buyer="b6" opened_ms=1764000001000 bridge=4} card={customer=6 nick="b6" channel="taobao" buyer="b6" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=6 session=6 seq=28 customer=6 state=open
> olga account_set {"agent":2,"groups":[]}
[olga] audit_added seq=29 prev=0 audit={number=8 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="amy" before="agent, active, weight 1, limit 0, 1 groups" after="agent, active, weight 1, limit 0, 0 groups"}
[olga amy] account_changed seq=30 prev=0 account={agent=2 login="amy" state=online since_ms=1764000001000 active=3 limit=30 owed_micro=-2940594 taken=3 weight=1 role=agent account=active}
olga <- done ref=8 seq=30 agent=2
> olga setting_set {"name":"owed_max","value":1}
[olga] audit_added seq=31 prev=0 audit={number=9 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="owed_max" before="4" after="1"}
[olga] setting_changed seq=32 prev=0 setting={name="owed_max" value=1 unit="sessions" min=1 max=64 standard=4 help="balances stay between minus this and this"}
olga <- done ref=9 seq=32
> olga asks get_agents {}
olga <- agent_page cursor=32 agents=[{agent=1 login="olga" name="olga" state=offline limit=30 weight=100 role=owner account=active} {agent=2 login="amy" state=online since_ms=1764000001000 active=3 limit=30 owed_micro=-1000000 taken=3 weight=1 role=agent account=active} {agent=3 login="ben" state=online since_ms=1764000001000 active=3 limit=30 owed_micro=1000000 taken=3 weight=100 groups=[1] role=agent account=active} {agent=4 login="tao" state=offline limit=30 weight=100 role=bridge account=active}]
