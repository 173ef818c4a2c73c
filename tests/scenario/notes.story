# Notes are shared: the next owner sees them; two who edit at once lose nothing.
> found agent amy
> found agent ben
> found bridge tao
> tao open {"channel":"taobao","buyer":"b1","nick":"小雨"}
[olga tao] session_changed seq=9 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="小雨" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} by=4
[olga amy tao] session_changed seq=10 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="小雨" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} card={customer=1 nick="小雨" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=4
tao <- done ref=1 session=1 seq=10 customer=1 state=open
> amy note_add {"customer":1,"text":"prefers SF Express"}
[olga amy] note_changed seq=11 prev=0 customer=1 note={note=1 revision=1 author=2 wall_ms=1764000001000 text="prefers SF Express"}
amy <- done ref=2 seq=11 customer=1 note=1 revision=1
> amy note_add {"customer":1,"text":"allergic to wool","pinned":true}
[olga amy] note_changed seq=12 prev=0 customer=1 note={note=2 revision=1 author=2 wall_ms=1764000001000 pinned=true text="allergic to wool"}
amy <- done ref=3 seq=12 customer=1 note=2 revision=1
> amy customer_set {"customer":1,"tags_add":[{"name":"VIP","colour":16711680},{"name":"loud"}],"level":3,"buyer_type":"picky"}
[olga amy] customer_changed seq=13 prev=0 card={customer=1 nick="小雨" channel="taobao" buyer="b1" level=3 buyer_type=picky tags=[{name="VIP" colour=16711680} {name="loud"}] first_ms=1764000001000 last_ms=1764000001000 visits=1 notes=2}
amy <- done ref=4 seq=13 customer=1
> ben note_add {"customer":1,"text":"not mine"}
ben <- error ref=2 code=not_found field="customer"
> amy transfer {"session":1,"agent":3,"note":"asks about wool"}
[tao] session_changed seq=14 prev=0 change=transferred session={session=1 state=open klass=normal group=1 agent=3 customer=1 nick="小雨" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} from=2 card={customer=1 nick="小雨" channel="taobao" buyer="b1" level=3 buyer_type=picky tags=[{name="VIP" colour=16711680} {name="loud"}] first_ms=1764000001000 last_ms=1764000001000 visits=1 notes=2} by=2
[olga amy ben] session_changed seq=15 prev=0 change=transferred session={session=1 state=open klass=normal group=1 agent=3 customer=1 nick="小雨" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=4} from=2 note="asks about wool" card={customer=1 nick="小雨" channel="taobao" buyer="b1" level=3 buyer_type=picky tags=[{name="VIP" colour=16711680} {name="loud"}] first_ms=1764000001000 last_ms=1764000001000 visits=1 notes=2} notes=[{note=2 revision=1 author=2 wall_ms=1764000001000 pinned=true text="allergic to wool"} {note=1 revision=1 author=2 wall_ms=1764000001000 text="prefers SF Express"}] by=2
amy <- done ref=5 session=1 seq=15 agent=3 state=open
> ben note_edit {"customer":1,"note":1,"revision":1,"text":"prefers SF Express, call before delivery"}
[olga ben] note_changed seq=16 prev=0 customer=1 note={note=1 revision=2 author=3 wall_ms=1764000001000 text="prefers SF Express, call before delivery"}
ben <- done ref=3 seq=16 customer=1 note=1 revision=2
> olga note_edit {"customer":1,"note":1,"revision":1,"text":"prefers YTO"}
olga <- error ref=4 code=conflict field="revision" revision=2
> olga note_edit {"customer":1,"note":1,"revision":2,"text":"SF Express, call before; not on Sundays"}
[olga ben] note_changed seq=17 prev=0 customer=1 note={note=1 revision=3 author=1 wall_ms=1764000001000 text="SF Express, call before; not on Sundays"}
olga <- done ref=5 seq=17 customer=1 note=1 revision=3
> ben customer_set {"customer":1,"tags_remove":["loud"],"tags_add":[{"name":"VIP","colour":255}]}
[olga ben] customer_changed seq=18 prev=0 card={customer=1 nick="小雨" channel="taobao" buyer="b1" level=3 buyer_type=picky tags=[{name="VIP" colour=255}] first_ms=1764000001000 last_ms=1764000001000 visits=1 notes=2}
ben <- done ref=4 seq=18 customer=1
> ben asks get_customer {"customer":1}
ben <- customer cursor=18 card={customer=1 nick="小雨" channel="taobao" buyer="b1" level=3 buyer_type=picky tags=[{name="VIP" colour=255}] first_ms=1764000001000 last_ms=1764000001000 visits=1 notes=2} notes=[{note=2 revision=1 author=2 wall_ms=1764000001000 pinned=true text="allergic to wool"} {note=1 revision=3 author=1 wall_ms=1764000001000 text="SF Express, call before; not on Sundays"}] sessions=[1]
> ben asks get_note {"customer":1,"note":1}
ben <- note_page cursor=18 notes=[{note=1 revision=1 author=2 wall_ms=1764000001000 text="prefers SF Express"} {note=1 revision=2 author=3 wall_ms=1764000001000 text="prefers SF Express, call before delivery"} {note=1 revision=3 author=1 wall_ms=1764000001000 text="SF Express, call before; not on Sundays"}]
> amy asks get_customer {"customer":1}
amy <- customer cursor=18 card={customer=1 nick="小雨" channel="taobao" buyer="b1" level=3 buyer_type=picky tags=[{name="VIP" colour=255}] first_ms=1764000001000 last_ms=1764000001000 visits=1 notes=2} notes=[{note=2 revision=1 author=2 wall_ms=1764000001000 pinned=true text="allergic to wool"} {note=1 revision=3 author=1 wall_ms=1764000001000 text="SF Express, call before; not on Sundays"}] sessions=[1]
