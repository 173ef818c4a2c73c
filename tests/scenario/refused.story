# Who hands a session to its own group does not get it again, unless nobody else could take it.
> found agent amy
> found agent ben
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy] message_added seq=11 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000b0000000000000000}
tao <- done ref=1 session=1 number=1 seq=11 customer=1 state=open
> amy transfer {"session":1,"group":1}
[olga amy ben tao] session_changed seq=12 prev=0 change=transferred session={session=1 state=open klass=normal group=1 agent=3 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=2
amy <- done ref=2 session=1 seq=12 agent=3 state=open
# Ben has it now. Amy leaves: there is nobody else, and it stays where it is.
> amy be {"state":"offline"}
[olga amy] agent_changed seq=13 prev=0 agent={agent=2 state=offline since_ms=1764000001000 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} by=2
amy <- done ref=3 agent=2
> ben transfer {"session":1,"group":1}
ben <- error ref=2 code=unavailable field="group"
# With Amy at her limit too.
> amy be {"state":"online"}
[olga amy] agent_changed seq=14 prev=0 agent={agent=2 state=online since_ms=1764000001000 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} by=2
amy <- done ref=4 agent=2
> olga account_set {"agent":2,"limit":1}
[olga] audit_added seq=15 prev=0 audit={number=4 wall_ms=1764000001000 who=1 device=1000 what="account_set" subject="amy" before="agent, active, weight 100, limit 0, 1 groups" after="agent, active, weight 100, limit 1, 1 groups"}
[olga amy] account_changed seq=16 prev=0 account={agent=2 login="amy" state=online since_ms=1764000001000 limit=1 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active}
olga <- done ref=4 seq=16 agent=2
> tao open {"channel":"taobao","buyer":"b2","text":"hello"}
[olga tao] session_changed seq=17 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} by=4
[olga ben tao] session_changed seq=18 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=3 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga ben] message_added seq=19 prev=0 message={session=2 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=00000000000000110000000000000000}
tao <- done ref=2 session=2 number=1 seq=19 customer=2 state=open
> ben transfer {"session":1,"group":1}
[olga amy ben tao] session_changed seq=20 prev=0 change=transferred session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
ben <- done ref=3 session=1 seq=20 agent=2 state=open
# Amy is at her limit now, and stays there: Ben keeps the other one.
> ben transfer {"session":2,"group":1}
ben <- error ref=4 code=unavailable field="group"
# Paused himself, it waits for whoever is free first: himself, where nobody else is.
> ben be {"state":"paused"}
[olga ben] agent_changed seq=21 prev=0 agent={agent=3 state=paused reason=other since_ms=1764000001000 active=1 limit=12 taken=2 weight=100 groups=[1] role=agent account=active} by=3
ben <- done ref=5 agent=3
> ben transfer {"session":2,"group":1}
[olga ben tao] session_changed seq=22 prev=0 change=queued session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3 by=3
ben <- done ref=6 session=2 seq=22 state=queued
> ben be {"state":"online"}
[olga ben] agent_changed seq=23 prev=0 agent={agent=3 state=online since_ms=1764000001000 limit=12 taken=2 weight=100 groups=[1] role=agent account=active} by=3
[olga ben tao] session_changed seq=24 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=3 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
ben <- done ref=7 agent=3
> olga asks get_explanations {"session":2}
olga <- explanation_page cursor=24 explanations=[{session=2 seq=18 wall_ms=1764000001000 decision=assigned cause=new decider=most_owed group=1 klass=normal agent=3 eligible=2 sharing=2 active=1 limit=12 owed_before_micro=1000000 skipped=[{agent=2 why=owed_less}] rule="default"} {session=2 seq=22 wall_ms=1764000001000 decision=queued cause=transfer decider=nobody group=1 klass=normal skipped=[{agent=2 why=at_limit active=1} {agent=3 why=not_online}] position=1 rule="transfer"} {session=2 seq=24 wall_ms=1764000001000 decision=assigned cause=freed decider=only_one group=1 klass=normal agent=3 eligible=1 sharing=1 limit=12 owed_before_micro=1000000 skipped=[{agent=2 why=at_limit active=1}] rule="same"}]
