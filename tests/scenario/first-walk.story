# A buyer comes in, is routed, answered, and the session is closed.
> found agent amy
> found agent ben
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","nick":"小雨","text":"在吗?"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="小雨" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="小雨" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="小雨" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
[olga amy] message_added seq=11 prev=0 message={session=1 number=1 sender=buyer kind=text text="在吗?" wall_ms=1764000001000 salt=000000000000000b0000000000000000}
tao <- done ref=1 session=1 number=1 seq=11 customer=1 state=open
> amy say {"session":1,"text":"在的, 亲","seen":1}
[olga amy tao] message_added seq=12 prev=0 message={session=1 number=2 sender=agent agent=2 kind=text text="在的, 亲" wall_ms=1764000001000 salt=000000000000000c0000000000000000}
amy <- done ref=2 session=1 number=2 seq=12
> tao say {"session":1,"text":"这件有 M 码吗?"}
[olga amy] message_added seq=13 prev=0 message={session=1 number=3 sender=buyer kind=text text="这件有 M 码吗?" wall_ms=1764000001000 salt=000000000000000d0000000000000000}
tao <- done ref=2 session=1 number=3 seq=13
> amy say {"session":1,"text":"刚才那条没看到","seen":2}
amy <- error ref=3 code=stale field="seen" number=3
> amy say {"session":1,"text":"有的","seen":3}
[olga amy tao] message_added seq=14 prev=0 message={session=1 number=4 sender=agent agent=2 kind=text text="有的" wall_ms=1764000001000 salt=000000000000000f0000000000000000}
amy <- done ref=4 session=1 number=4 seq=14
> olga asks get_history {"session":1}
olga <- history cursor=14 messages=[{session=1 number=1 sender=buyer kind=text text="在吗?" wall_ms=1764000001000 salt=000000000000000b0000000000000000} {session=1 number=2 sender=agent agent=2 kind=text text="在的, 亲" wall_ms=1764000001000 salt=000000000000000c0000000000000000} {session=1 number=3 sender=buyer kind=text text="这件有 M 码吗?" wall_ms=1764000001000 salt=000000000000000d0000000000000000} {session=1 number=4 sender=agent agent=2 kind=text text="有的" wall_ms=1764000001000 salt=000000000000000f0000000000000000}] chain=2ce8bcc53f7638b0866bf323eff2bb709d8c0782fdd38c440ec417fcf3c8d047 number=4
> amy close {"session":1}
[olga amy tao] session_changed seq=15 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=2 customer=1 nick="小雨" channel="taobao" buyer="b1" opened_ms=1764000001000 number=4 reason=resolved bridge=4} by=2
amy <- done ref=5 session=1 seq=15 state=closed
> amy close {"session":1}
amy <- error ref=6 code=state field="session" state=closed
> amy say {"session":1,"text":"too late"}
amy <- error ref=7 code=state field="session" state=closed
> olga asks get_explanations {"session":1}
olga <- explanation_page cursor=15 explanations=[{session=1 seq=10 wall_ms=1764000001000 decision=assigned cause=new decider=lowest_id group=1 klass=normal agent=2 eligible=2 sharing=2 limit=12 owed_before_micro=500000 owed_after_micro=-500000 skipped=[{agent=3 why=owed_less owed_micro=500000}] rule="default"}]
> olga asks get_agents {}
olga <- agent_page cursor=15 agents=[{agent=1 login="olga" name="olga" state=offline limit=12 weight=100 role=owner account=active} {agent=2 login="amy" state=online since_ms=1764000001000 limit=12 owed_micro=-500000 taken=1 weight=100 groups=[1] role=agent account=active} {agent=3 login="ben" state=online since_ms=1764000001000 limit=12 owed_micro=500000 weight=100 groups=[1] role=agent account=active} {agent=4 login="tao" state=offline limit=12 weight=100 role=bridge account=active}]
