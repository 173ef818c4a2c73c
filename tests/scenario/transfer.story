# Handing over: to an agent, to a group, by force.
> olga comes
olga <- welcome ref=0 protocol=1 agent=1 role=owner name="olga" device=1000 commit=sync wall_ms=1764000001000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> olga group_set {"name":"aftersale","title":"售后"}
[olga] audit_added seq=1 prev=0 audit={number=1 wall_ms=1764000001000 who=1 device=1000 what="group_set" subject="group 2" after="aftersale"}
[olga] group_changed seq=2 prev=0 group={group=2 name="aftersale" title="售后"}
olga <- done ref=1 seq=2 group=2
> found agent amy
> found agent ben 2
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"it broke"}
[olga tao] session_changed seq=11 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=12 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy] message_added seq=13 prev=0 message={session=1 number=1 sender=buyer kind=text text="it broke" wall_ms=1764000001000 salt=000000000000000c0000000000000000}
tao <- done ref=1 session=1 number=1 seq=13 customer=1 state=open
> amy transfer {"session":1}
amy <- error ref=2 code=missing field="agent"
> amy transfer {"session":1,"agent":2}
amy <- error ref=3 code=range field="agent"
> amy transfer {"session":1,"agent":77}
amy <- error ref=4 code=not_found field="agent"
> amy transfer {"session":1,"group":9}
amy <- error ref=5 code=not_found field="group"
> ben transfer {"session":1,"agent":3}
ben <- error ref=2 code=not_found field="session"
> ben be {"state":"paused","reason":"meal"}
[olga ben] agent_changed seq=14 prev=0 agent={agent=3 state=paused reason=meal since_ms=1764000001000 limit=12 weight=100 groups=[2] role=agent account=active} by=3
ben <- done ref=3 agent=3
> amy transfer {"session":1,"agent":3}
amy <- error ref=6 code=unavailable field="agent" presence=paused
> amy transfer {"session":1,"group":2,"note":"broken zip"}
[tao] session_changed seq=15 prev=0 change=queued session={session=1 state=queued klass=normal group=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 by=2
[olga amy] session_changed seq=16 prev=0 change=queued session={session=1 state=queued klass=normal group=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 note="broken zip" by=2
amy <- done ref=7 session=1 seq=16 state=queued
# Nobody of the group is there: it waits; Ben comes back and gets it.
> ben be {"state":"online"}
[olga ben] agent_changed seq=17 prev=0 agent={agent=3 state=online since_ms=1764000001000 limit=12 weight=100 groups=[2] role=agent account=active} by=3
[olga ben tao] session_changed seq=18 prev=0 change=assigned session={session=1 state=open klass=normal group=2 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
ben <- done ref=4 agent=3
> olga assign {"session":1,"agent":2,"note":"Amy knows the case"}
[olga] audit_added seq=19 prev=0 audit={number=5 wall_ms=1764000001000 who=1 device=1000 what="assign" subject="session 1" before="agent 3" after="agent 2"}
[tao] session_changed seq=20 prev=0 change=forced session={session=1 state=open klass=normal group=2 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=1
[olga amy ben] session_changed seq=21 prev=0 change=forced session={session=1 state=open klass=normal group=2 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3 note="Amy knows the case" card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=1
olga <- done ref=5 session=1 seq=21 agent=2 state=open
> olga asks get_explanations {"session":1}
olga <- explanation_page cursor=21 explanations=[{session=1 seq=12 wall_ms=1764000001000 decision=assigned cause=new decider=only_one group=1 klass=normal agent=2 eligible=1 sharing=1 limit=12 owed_before_micro=1000000 rule="default"} {session=1 seq=16 wall_ms=1764000001000 decision=queued cause=transfer decider=nobody group=2 klass=normal skipped=[{agent=3 why=not_online}] position=1 rule="transfer"} {session=1 seq=18 wall_ms=1764000001000 decision=assigned cause=freed decider=only_one group=2 klass=normal agent=3 eligible=1 sharing=1 limit=12 owed_before_micro=1000000 rule="same"} {session=1 seq=21 wall_ms=1764000001000 decision=assigned cause=forced decider=named group=2 klass=normal agent=2 eligible=2 sharing=2 limit=15 owed_before_micro=500000 owed_after_micro=-500000 skipped=[{agent=3 why=owed_less owed_micro=500000}] rule="same"}]
> ben asks get_session {"session":1}
ben <- session_page cursor=21 sessions=[{session=1 state=open klass=normal group=2 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4}]
> olga asks get_audit {}
olga <- audit_page cursor=21 audits=[{number=5 wall_ms=1764000001000 who=1 device=1000 what="assign" subject="session 1" before="agent 3" after="agent 2"} {number=4 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="tao" after="bridge, active, weight 100, limit 0, 0 groups"} {number=3 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="ben" after="agent, active, weight 100, limit 0, 1 groups"} {number=2 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="amy" after="agent, active, weight 100, limit 0, 1 groups"} {number=1 wall_ms=1764000001000 who=1 device=1000 what="group_set" subject="group 2" after="aftersale"}]
