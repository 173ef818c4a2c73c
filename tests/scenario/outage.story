# After an outage everybody's lease, grace and reply timers start afresh.
> found agent amy
> found agent ben
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy] message_added seq=11 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000b0000000000000000}
tao <- done ref=1 session=1 number=1 seq=11 customer=1 state=open
> amy say {"session":1,"text":"hello"}
[olga amy tao] message_added seq=12 prev=0 message={session=1 number=2 sender=agent agent=2 kind=text text="hello" wall_ms=1764000001000 salt=000000000000000c0000000000000000}
amy <- done ref=2 session=1 number=2 seq=12
> tao open {"channel":"taobao","buyer":"b2","text":"hello"}
[olga tao] session_changed seq=13 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} by=4
[olga ben tao] session_changed seq=14 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=3 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=4} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga ben] message_added seq=15 prev=0 message={session=2 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=000000000000000d0000000000000000}
tao <- done ref=2 session=2 number=1 seq=15 customer=2 state=open
> wait 1700s
> restart 3600s
> wait 34s
> amy comes
amy <- welcome ref=0 protocol=1 agent=2 role=agent device=2001 counter=2 cursor=15 head=15 commit=sync wall_ms=1764005335000 lease_ms=15000 beat_ms=5000 state=online server="stage"
[amy] agent_changed seq=16 prev=0 agent={agent=2 state=online since_ms=1764005335000 active=1 limit=12 taken=1 weight=100 groups=[1] role=agent account=active available_ms=1700000}
> tao comes
tao <- welcome ref=0 protocol=1 agent=4 role=bridge device=4003 counter=2 cursor=16 head=16 commit=sync wall_ms=1764005335000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> amy say {"session":1,"text":"still here"}
[amy tao] message_added seq=17 prev=0 message={session=1 number=3 sender=agent agent=2 kind=text text="still here" wall_ms=1764005335000 salt=00000000000000120000000000000000}
amy <- done ref=3 session=1 number=3 seq=17
> wait 1s
[tao] session_changed seq=18 prev=0 change=taken_back session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3
[amy tao] session_changed seq=19 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4} from=3 card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1}
[] agent_changed seq=20 prev=0 agent={agent=3 state=lost since_ms=1764005301000 limit=12 owed_micro=500000 taken=1 weight=100 groups=[1] role=agent account=active available_ms=1700000}
# Ben has not come back: his buyer, who waits, goes to Amy.
> olga comes
olga <- welcome ref=0 protocol=1 agent=1 role=owner name="olga" device=1000 counter=3 cursor=20 head=20 commit=sync wall_ms=1764005336000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> olga asks get_sessions {}
olga <- session_page cursor=20 sessions=[{session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=3 bridge=4} {session=2 state=open klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 waiting_ms=1764000001000 number=1 bridge=4}]
