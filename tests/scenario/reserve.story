# A reserved session whose buyer says nothing is routed when the reservation ends.
> found agent amy
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","text":"hello"}
[olga tao] session_changed seq=6 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=7 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
[olga amy] message_added seq=8 prev=0 message={session=1 number=1 sender=buyer kind=text text="hello" wall_ms=1764000001000 salt=00000000000000080000000000000000}
tao <- done ref=1 session=1 number=1 seq=8 customer=1 state=open
> amy say {"session":1,"text":"hello"}
[olga amy tao] message_added seq=9 prev=0 message={session=1 number=2 sender=agent agent=2 kind=text text="hello" wall_ms=1764000001000 salt=00000000000000090000000000000000}
amy <- done ref=2 session=1 number=2 seq=9
> found agent ben
> amy goes
[olga] agent_changed seq=13 prev=0 agent={agent=2 state=lost since_ms=1764000001000 active=1 limit=12 taken=1 weight=100 groups=[1] role=agent account=active}
> wait 20s
> wait 599s
> wait 1s
[olga tao] session_changed seq=14 prev=0 change=taken_back session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=2 bridge=3} from=2
[olga tao ben] session_changed seq=15 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=4 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 number=2 bridge=3} from=2 card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1}
