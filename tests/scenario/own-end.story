# Who ends its own device, or its own rights, is answered before the connection ends.
> found agent amy
> amy revoke {"device":2001}
amy <- done ref=2
amy: detached
[olga] agent_changed seq=4 prev=0 agent={agent=2 state=lost since_ms=1764000001000 limit=12 weight=100 groups=[1] role=agent account=active} by=2
> olga account_set {"login":"otto","role":"owner","hash":"hash"}
[olga] audit_added seq=5 prev=0 audit={number=2 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="otto" after="owner, active, weight 100, limit 0, 0 groups"}
[olga] account_changed seq=6 prev=0 account={agent=3 login="otto" state=offline limit=12 weight=100 role=owner account=active}
olga <- done ref=2 seq=6 agent=3
> otto comes
otto <- welcome ref=0 protocol=1 agent=3 role=owner device=3002 cursor=6 head=6 commit=sync wall_ms=1764000001000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> otto account_set {"agent":3,"state":"locked"}
otto <- done ref=1 seq=8 agent=3
otto: detached
[olga] audit_added seq=7 prev=0 audit={number=3 wall_ms=1764000001000 who=3 device=3002 what="account_set" subject="otto" before="owner, active, weight 100, limit 0, 0 groups" after="owner, locked, weight 100, limit 0, 0 groups"}
[olga] account_changed seq=8 prev=0 account={agent=3 login="otto" state=offline limit=12 weight=100 role=owner account=locked}
> olga asks get_agents {}
olga <- agent_page cursor=8 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=lost since_ms=1764000001000 limit=12 weight=100 groups=[1] role=agent account=active} {agent=3 login="otto" state=offline limit=12 weight=100 role=owner account=locked}]
