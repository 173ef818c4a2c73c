# What a pick charged stays where it fell when its taker hands the session on: losing it later
# gives the first one nothing back.
> found agent amy
> found agent ben
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy] message_added seq=11 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000b0000000000000000}
tao <- done ref=1 session=1 number=1 seq=11 customer=1 state=open
> olga asks get_agents {}
olga <- agent_page cursor=11 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=online since_ms=1764000001000 active=1 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} {agent=3 login="ben" state=online since_ms=1764000001000 limit=12 owed_micro=500000 weight=100 groups=[1] role=agent account=active} {agent=4 login="tao" state=offline limit=12 weight=100 role=bridge account=active}]
> amy be {"state":"paused"}
[olga amy] agent_changed seq=12 prev=0 agent={agent=2 state=paused reason=other since_ms=1764000001000 active=1 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} by=2
amy <- done ref=2 agent=2
> amy transfer {"session":1,"agent":3}
[olga amy ben tao] session_changed seq=13 prev=0 change=transferred session={session=1 state=open klass=normal group=1 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=2
amy <- done ref=3 session=1 seq=13 agent=3 state=open
> olga asks get_agents {}
olga <- agent_page cursor=13 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=paused reason=other since_ms=1764000001000 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} {agent=3 login="ben" state=online since_ms=1764000001000 active=1 limit=12 owed_micro=500000 taken=1 weight=100 groups=[1] role=agent account=active} {agent=4 login="tao" state=offline limit=12 weight=100 role=bridge account=active}]
> ben falls silent
[olga] agent_changed seq=14 prev=0 agent={agent=3 state=lost since_ms=1764000001000 active=1 limit=12 owed_micro=500000 taken=1 weight=100 groups=[1] role=agent account=active}
> wait 20s
[olga tao] session_changed seq=15 prev=0 change=taken_back session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3
[olga tao] session_changed seq=16 prev=0 change=queued session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3
> olga asks get_agents {}
olga <- agent_page cursor=16 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=paused reason=other since_ms=1764000001000 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} {agent=3 login="ben" state=lost since_ms=1764000001000 limit=12 owed_micro=500000 taken=1 weight=100 groups=[1] role=agent account=active} {agent=4 login="tao" state=offline limit=12 weight=100 role=bridge account=active}]
# It waits, taken back, with nothing to undo; its buyer leaves.
> tao leave {"session":1}
[olga tao] session_changed seq=17 prev=0 change=closed session={session=1 state=closed klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 reason=abandoned bridge=4} by=4
tao <- done ref=2 session=1 seq=17 state=closed
# The same from the queue: handed to a group where nobody is, and abandoned there.
> amy be {"state":"online"}
[olga amy] agent_changed seq=18 prev=0 agent={agent=2 state=online since_ms=1764000021000 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} by=2
amy <- done ref=4 agent=2
> tao open {"channel":"taobao","buyer":"b2","text":"hello"}
[olga tao] session_changed seq=19 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000021000 bridge=4} by=4
[olga amy tao] session_changed seq=20 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000021000 bridge=4} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000021000 last_ms=1764000021000 visits=1} by=4
[olga amy] message_added seq=21 prev=0 message={session=2 number=1 sender=buyer kind=text text="hello" wall_ms=1764000021000 salt=00000000000000120000000000000000}
tao <- done ref=3 session=2 number=1 seq=21 customer=2 state=open
> olga group_set {"name":"aftersale"}
[olga] audit_added seq=22 prev=0 audit={number=4 wall_ms=1764000021000 who=1 device=1000 what="group_set" subject="group 2" after="aftersale"}
[olga amy tao] group_changed seq=23 prev=0 group={group=2 name="aftersale"}
olga <- done ref=4 seq=23 group=2
> amy transfer {"session":2,"group":2}
[olga amy tao] session_changed seq=24 prev=0 change=queued session={session=2 state=queued klass=normal group=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000021000 waiting_ms=1764000021000 number=1 bridge=4} from=2 by=2
amy <- done ref=5 session=2 seq=24 state=queued
> tao leave {"session":2}
[olga tao] session_changed seq=25 prev=0 change=closed session={session=2 state=closed klass=normal group=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000021000 number=1 reason=abandoned bridge=4} by=4
tao <- done ref=4 session=2 seq=25 state=closed
