# A lost agent: what owes an answer is routed after the grace, the rest is reserved.
> found agent amy
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=6 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=7 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
[olga amy] message_added seq=8 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=00000000000000080000000000000000}
tao <- done ref=1 session=1 number=1 seq=8 customer=1 state=open
> tao open {"channel":"taobao","buyer":"b2","text":"hi"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=3} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
[olga amy] message_added seq=11 prev=0 message={session=2 number=1 sender=buyer kind=text text="hi" wall_ms=1764000001000 salt=00000000000000090000000000000000}
tao <- done ref=2 session=2 number=1 seq=11 customer=2 state=open
> amy say {"session":2,"text":"how can I help?"}
[olga amy tao] message_added seq=12 prev=0 message={session=2 number=2 sender=agent agent=2 kind=text text="how can I help?" wall_ms=1764000001000 salt=000000000000000a0000000000000000}
amy <- done ref=2 session=2 number=2 seq=12
> found agent ben
> amy falls silent
[olga] agent_changed seq=16 prev=0 agent={agent=2 state=lost since_ms=1764000001000 active=2 limit=12 taken=2 weight=100 groups=[1] role=agent account=active}
> wait 19s
> tao open {"channel":"taobao","buyer":"b3"}
[olga tao] session_changed seq=17 prev=0 change=opened session={session=3 state=queued klass=normal group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000020000 bridge=3} by=3
[olga tao ben] session_changed seq=18 prev=0 change=assigned session={session=3 state=open klass=normal group=1 agent=4 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000020000 bridge=3} card={customer=3 nick="b3" channel="taobao" buyer="b3" first_ms=1764000020000 last_ms=1764000020000 visits=1} by=3
tao <- done ref=3 session=3 seq=18 customer=3 state=open
> wait 1s
[olga tao] session_changed seq=19 prev=0 change=taken_back session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=3} from=2
[olga tao ben] session_changed seq=20 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=4 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=3} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1}
# The reserved session goes on with its owner when she is back in time.
> amy comes
amy <- welcome ref=0 protocol=1 agent=2 role=agent device=2001 counter=2 cursor=20 head=20 commit=sync wall_ms=1764000021000 lease_ms=15000 beat_ms=5000 state=online server="stage"
[olga amy] agent_changed seq=21 prev=0 agent={agent=2 state=online since_ms=1764000021000 active=1 limit=12 taken=2 weight=100 groups=[1] role=agent account=active}
> tao say {"session":2,"text":"a question"}
[olga amy] message_added seq=22 prev=0 message={session=2 number=3 sender=buyer kind=text text="a question" wall_ms=1764000021000 salt=00000000000000120000000000000000}
tao <- done ref=4 session=2 number=3 seq=22
> amy say {"session":2,"text":"an answer"}
[olga amy tao] message_added seq=23 prev=0 message={session=2 number=4 sender=agent agent=2 kind=text text="an answer" wall_ms=1764000021000 salt=00000000000000130000000000000000}
amy <- done ref=3 session=2 number=4 seq=23
# And a second time she stays away: the buyer's next message after the grace routes it.
> amy goes
[olga] agent_changed seq=24 prev=0 agent={agent=2 state=lost since_ms=1764000021000 active=1 limit=12 taken=2 weight=100 groups=[1] role=agent account=active}
> wait 20s
> tao say {"session":2,"text":"are you there?"}
[olga tao] session_changed seq=25 prev=0 change=taken_back session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 number=4 bridge=3} from=2 by=3
[olga tao ben] session_changed seq=26 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=4 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 number=4 bridge=3} from=2 card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
[olga ben] message_added seq=27 prev=0 message={session=2 number=5 sender=buyer kind=text text="are you there?" wall_ms=1764000041000 salt=00000000000000160000000000000000}
tao <- done ref=5 session=2 number=5 seq=27 state=open
> olga asks get_explanations {"session":2}
olga <- explanation_page cursor=27 explanations=[{session=2 seq=10 wall_ms=1764000001000 decision=assigned cause=new decider=only_one group=1 klass=normal agent=2 eligible=1 sharing=1 active=1 limit=12 owed_before_micro=1000000 rule="default"} {session=2 seq=26 wall_ms=1764000041000 decision=assigned cause=taken_back decider=only_one group=1 klass=normal agent=4 eligible=1 sharing=1 active=2 limit=12 owed_before_micro=1000000 skipped=[{agent=2 why=lost}] rule="same"}]
