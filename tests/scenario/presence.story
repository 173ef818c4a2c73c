# Signing off, pausing, forcing.
> found agent amy
> found agent ben
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy] message_added seq=11 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000b0000000000000000}
tao <- done ref=1 session=1 number=1 seq=11 customer=1 state=open
> amy be {"state":"offline"}
amy <- error ref=2 code=open_sessions presence=online
> amy be {"state":"lost"}
amy <- error ref=3 code=range field="state"
> ben be {"state":"paused","agent":2}
ben <- error ref=2 code=forbidden field="agent"
> amy be {"state":"offline","force":true}
amy <- error ref=4 code=forbidden field="force"
> olga be {"state":"offline","agent":2,"force":true}
[olga] audit_added seq=12 prev=0 audit={number=4 wall_ms=1764000001000 who=1 device=1000 what="be" subject="agent 2" before="online" after="offline"}
[olga amy] agent_changed seq=13 prev=0 agent={agent=2 state=offline since_ms=1764000001000 active=1 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} by=1
[olga amy tao] session_changed seq=14 prev=0 change=taken_back session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 by=1
[olga amy ben tao] session_changed seq=15 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=1
olga <- done ref=4 agent=2
> amy be {"state":"offline"}
amy <- done ref=5 agent=2
> ben be {"state":"draining"}
[olga ben] agent_changed seq=16 prev=0 agent={agent=3 state=draining since_ms=1764000001000 active=1 limit=12 taken=1 weight=100 groups=[1] role=agent account=active} by=3
ben <- done ref=3 agent=3
> tao open {"channel":"taobao","buyer":"b2"}
[olga tao] session_changed seq=17 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} by=4
[olga tao] session_changed seq=18 prev=0 change=queued session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} by=4
tao <- done ref=2 session=2 seq=18 customer=2 state=queued
> tao be {"state":"online"}
tao <- error ref=3 code=forbidden
> ben close {"session":1}
[olga ben tao] session_changed seq=19 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=1 reason=resolved bridge=4} by=3
ben <- done ref=4 session=1 seq=19 state=closed
> ben be {"state":"offline"}
[olga ben] agent_changed seq=20 prev=0 agent={agent=3 state=offline since_ms=1764000001000 limit=12 taken=1 weight=100 groups=[1] role=agent account=active} by=3
ben <- done ref=5 agent=3
> amy be {"state":"online"}
[olga amy] agent_changed seq=21 prev=0 agent={agent=2 state=online since_ms=1764000001000 limit=12 taken=1 weight=100 groups=[1] role=agent account=active} by=2
[olga amy tao] session_changed seq=22 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=2
amy <- done ref=6 agent=2
> olga asks get_agents {}
olga <- agent_page cursor=22 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=online since_ms=1764000001000 active=1 limit=12 taken=2 weight=100 groups=[1] role=agent account=active} {agent=3 login="ben" state=offline since_ms=1764000001000 limit=12 taken=1 weight=100 groups=[1] role=agent account=active} {agent=4 login="tao" state=offline limit=12 weight=100 role=bridge account=active}]
