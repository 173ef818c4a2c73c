# A counter is accepted once; earlier ones get the stored answer again, later ones a gap.
> found agent amy
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1"}
[olga tao] session_changed seq=6 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=7 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=1 session=1 seq=7 customer=1 state=open
> tao say {"session":1,"text":"first"}
[olga amy] message_added seq=8 prev=0 message={session=1 number=1 sender=buyer kind=text text="first" wall_ms=1764000001000 salt=00000000000000090000000000000000}
tao <- done ref=2 session=1 number=1 seq=8
> tao #2 say {"session":1,"text":"first"}
tao <- done ref=2 session=1 number=1 seq=8
> tao #1 open {"channel":"taobao","buyer":"b1"}
tao <- done ref=1 session=1 seq=7 customer=1 state=open
> tao #9 say {"session":1,"text":"too early"}
tao <- error ref=9 code=gap counter=2
> tao say {"session":1,"text":"second","done":2}
[olga amy] message_added seq=9 prev=0 message={session=1 number=2 sender=buyer kind=text text="second" wall_ms=1764000001000 salt=000000000000000d0000000000000000}
tao <- done ref=3 session=1 number=2 seq=9
> tao #2 say {"session":1,"text":"first"}
tao <- error ref=2 code=gone counter=3
> tao #3 say {"session":1,"text":"second"}
tao <- done ref=3 session=1 number=2 seq=9
# A refusal is an answer too, and is kept.
> amy say {"session":7,"text":"nobody"}
amy <- error ref=2 code=not_found field="session"
> amy #2 say {"session":7,"text":"nobody"}
amy <- error ref=2 code=not_found field="session"
> restart 1s
> tao comes
tao <- welcome ref=0 protocol=1 agent=3 role=bridge device=3002 counter=3 cursor=9 head=9 commit=sync wall_ms=1764000002000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> tao #3 say {"session":1,"text":"second"}
tao <- done ref=3 session=1 number=2 seq=9
> olga comes
olga <- welcome ref=0 protocol=1 agent=1 role=owner name="olga" device=1000 counter=2 cursor=9 head=9 commit=sync wall_ms=1764000002000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> olga asks get_history {"session":1}
olga <- history cursor=9 messages=[{session=1 number=1 sender=buyer kind=text text="first" wall_ms=1764000001000 salt=00000000000000090000000000000000} {session=1 number=2 sender=buyer kind=text text="second" wall_ms=1764000001000 salt=000000000000000d0000000000000000}] chain=698b34dd44a6fa3f57da62c87f4334f318177895e7484c6248b731ea42abe543 number=2
