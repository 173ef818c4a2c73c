# An account that is locked keeps no balance, not even from a pick that is undone later.
> found agent amy
> found agent ben
> found agent cai
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=12 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=5} by=5
[olga amy tao] session_changed seq=13 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=5} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=5
[olga amy] message_added seq=14 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000e0000000000000000}
tao <- done ref=1 session=1 number=1 seq=14 customer=1 state=open
> olga account_set {"agent":3,"state":"locked"}
[olga ben] agent_changed seq=15 prev=0 agent={agent=3 state=offline since_ms=1764000001000 limit=12 owed_micro=333333 weight=100 groups=[1] role=agent account=locked} by=1
ben: detached
[olga] audit_added seq=16 prev=0 audit={number=5 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="ben" before="agent, active, weight 100, limit 0, 1 groups" after="agent, locked, weight 100, limit 0, 1 groups"}
[olga] account_changed seq=17 prev=0 account={agent=3 login="ben" state=offline since_ms=1764000001000 limit=12 weight=100 groups=[1] role=agent account=locked}
olga <- done ref=5 seq=17 agent=3
> olga asks get_agents {}
olga <- agent_page cursor=17 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=online since_ms=1764000001000 active=1 limit=12 owed_micro=-499999 taken=1 weight=100 groups=[1] role=agent account=active} {agent=3 login="ben" state=offline since_ms=1764000001000 limit=12 weight=100 groups=[1] role=agent account=locked} {agent=4 login="cai" state=online since_ms=1764000001000 limit=12 owed_micro=499999 weight=100 groups=[1] role=agent account=active} {agent=5 login="tao" state=offline limit=12 weight=100 role=bridge account=active}]
> amy falls silent
[olga] agent_changed seq=18 prev=0 agent={agent=2 state=lost since_ms=1764000001000 active=1 limit=12 owed_micro=-499999 taken=1 weight=100 groups=[1] role=agent account=active}
> wait 20s
[olga tao] session_changed seq=19 prev=0 change=taken_back session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=5} from=2
[olga cai tao] session_changed seq=20 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=4 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=5} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1}
> olga asks get_agents {}
olga <- agent_page cursor=20 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=lost since_ms=1764000001000 limit=12 taken=1 weight=100 groups=[1] role=agent account=active} {agent=3 login="ben" state=offline since_ms=1764000001000 limit=12 weight=100 groups=[1] role=agent account=locked} {agent=4 login="cai" state=online since_ms=1764000001000 active=1 limit=12 taken=1 weight=100 groups=[1] role=agent account=active available_ms=20000} {agent=5 login="tao" state=offline limit=12 weight=100 role=bridge account=active}]
