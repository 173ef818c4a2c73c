# Accounts, rights and devices.
> found agent amy
> found agent ben
> found bridge tao
> olga account_set {"login":"sue","role":"supervisor","hash":"hash"}
[olga] audit_added seq=9 prev=0 audit={number=4 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="sue" after="supervisor, active, weight 100, limit 0, 0 groups"}
[olga] account_changed seq=10 prev=0 account={agent=5 login="sue" state=offline limit=12 weight=100 role=supervisor account=active}
olga <- done ref=4 seq=10 agent=5
> sue comes
sue <- welcome ref=0 protocol=1 agent=5 role=supervisor device=5004 cursor=10 head=10 commit=sync wall_ms=1764000001000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> sue account_set {"login":"eva","role":"owner","hash":"hash"}
sue <- error ref=1 code=forbidden field="role"
> sue account_set {"agent":1,"name":"nobody"}
sue <- error ref=2 code=forbidden field="role"
> sue account_set {"login":"amy","role":"agent","hash":"hash"}
sue <- error ref=3 code=exists field="login"
> sue account_set {"login":"cat","role":"agent"}
sue <- error ref=4 code=missing field="password"
> sue account_set {"login":"cat","role":"agent","hash":"hash","groups":[1,8]}
sue <- error ref=5 code=not_found field="groups"
> amy account_set {"agent":2,"weight":100}
amy <- error ref=2 code=forbidden
> amy setting_set {"name":"grace_s","value":1}
amy <- error ref=3 code=forbidden
> sue setting_set {"name":"no_such","value":1}
sue <- error ref=6 code=not_found field="name"
> sue setting_set {"name":"grace_s","value":-1}
sue <- error ref=7 code=range field="value"
> sue setting_set {"name":"grace_s","value":30}
[olga sue] audit_added seq=11 prev=0 audit={number=5 wall_ms=1764000001000 who=5 device=5004 what="setting_set" subject="grace_s" before="20" after="30"}
[olga sue] setting_changed seq=12 prev=0 setting={name="grace_s" value=30 unit="s" max=3600 standard=20 help="after the last lease has ended, until sessions that owe an answer are routed again"}
sue <- done ref=8 seq=12
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao sue] session_changed seq=13 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao sue] session_changed seq=14 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy sue] message_added seq=15 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=00000000000000170000000000000000}
tao <- done ref=1 session=1 number=1 seq=15 customer=1 state=open
# Locking ends her devices and sends her sessions back to routing.
> sue account_set {"agent":2,"state":"locked"}
[olga amy sue] agent_changed seq=16 prev=0 agent={agent=2 state=offline since_ms=1764000001000 active=1 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=locked} by=5
[olga amy tao sue] session_changed seq=17 prev=0 change=taken_back session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 by=5
[olga amy ben tao sue] session_changed seq=18 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=5
amy: detached
[olga sue] audit_added seq=19 prev=0 audit={number=6 wall_ms=1764000001000 who=5 device=5004 what="account_set" subject="amy" before="agent, active, weight 100, limit 0, 1 groups" after="agent, locked, weight 100, limit 0, 1 groups"}
[olga sue] account_changed seq=20 prev=0 account={agent=2 login="amy" state=offline since_ms=1764000001000 limit=12 taken=1 weight=100 groups=[1] role=agent account=locked}
sue <- done ref=9 seq=20 agent=2
> olga account_set {"agent":1,"state":"locked"}
olga <- error ref=5 code=state field="role"
> ben revoke {"device":1}
ben <- error ref=2 code=not_found field="device"
> amy comes
amy <- error ref=0 code=unknown_device
> sue account_set {"agent":2,"state":"active"}
[olga sue] audit_added seq=21 prev=0 audit={number=7 wall_ms=1764000001000 who=5 device=5004 what="account_set" subject="amy" before="agent, locked, weight 100, limit 0, 1 groups" after="agent, active, weight 100, limit 0, 1 groups"}
[olga sue] account_changed seq=22 prev=0 account={agent=2 login="amy" state=offline since_ms=1764000001000 limit=12 taken=1 weight=100 groups=[1] role=agent account=active}
sue <- done ref=10 seq=22 agent=2
> olga asks get_settings {}
olga <- setting_page cursor=22 settings=[{name="grace_s" value=30 unit="s" max=3600 standard=20 help="after the last lease has ended, until sessions that owe an answer are routed again"} {name="reserve_s" value=600 unit="s" max=86400 standard=600 help="how long a lost agent's other sessions wait for it"} {name="affinity" value=1 unit="0 off, 1 prefer, 2 wait" max=2 standard=1 help="whether a returning buyer goes to its last agent"} {name="affinity_days" value=7 unit="days" min=1 max=365 standard=7 help="how long a buyer counts as returning"} {name="affinity_wait_s" value=60 unit="s" max=3600 standard=60 help="with affinity 2: how long a session waits for the last agent"} {name="policy" value=0 unit="0 owed, 1 longest_idle, 2 least_active, 3 round_robin" max=3 help="who is picked among those who could take it"} {name="load_bands" value=2 unit="bands" min=1 max=16 standard=2 help="1: online time alone decides; more: the load first"} {name="owed_max" value=4 unit="sessions" min=1 max=64 standard=4 help="balances stay between minus this and this"} {name="limit_routed" value=12 unit="sessions" min=1 max=30 standard=12 help="active sessions below which an agent gets routed ones"} {name="limit_returning" value=15 unit="sessions" min=1 max=30 standard=15 help="the same for returning and transferred ones"} {name="limit_ceiling" value=30 unit="sessions" min=1 max=30 standard=30 help="nobody has more, not even by force"} {name="idle_counts" value=0 unit="0 no, 1 yes" max=1 help="whether a session that waits long for its buyer counts"} {name="idle_s" value=1800 unit="s" min=1 max=86400 standard=1800 help="how long it waits before it stops counting"} {name="lift_s" value=60 unit="s" min=1 max=86400 standard=60 help="waiting that lifts a session one class"} {name="close_s" value=1800 unit="s" max=864000 standard=1800 help="without a message, and nothing unanswered: closed by itself; 0: never"} {name="reopen_s" value=1800 unit="s" max=864000 standard=1800 help="after closing, during which a message reopens the session; 0: never"} {name="stale_view" value=0 unit="0 refuse, 1 send and flag" max=1 help="a reply written without having seen the last message"} {name="queue_max" value=50000 unit="sessions" min=1 max=50000 standard=50000 help="waiting sessions; beyond, open is refused"}]
> amy asks get_sessions {}
amy <- session_page cursor=22
# Another role: the connections of the old one end, and the device comes back with the new one.
> olga account_set {"agent":3,"role":"supervisor"}
ben: detached
[olga sue] audit_added seq=23 prev=0 audit={number=8 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="ben" before="agent, active, weight 100, limit 0, 1 groups" after="supervisor, active, weight 100, limit 0, 1 groups"}
[olga sue] account_changed seq=24 prev=0 account={agent=3 login="ben" state=online since_ms=1764000001000 active=1 limit=12 taken=1 weight=100 groups=[1] role=supervisor account=active}
olga <- done ref=6 seq=24 agent=3
> ben comes
ben: detached
ben <- welcome ref=0 protocol=1 agent=3 role=supervisor device=3002 counter=2 cursor=24 head=24 commit=sync wall_ms=1764000001000 lease_ms=15000 beat_ms=5000 state=online server="stage"
