# Affinity `wait`: sessions that wait for their last agent keep nobody else from the queue behind.
> found agent amy
> found bridge tao
> olga comes
olga: detached
olga <- welcome ref=0 protocol=1 agent=1 role=owner name="olga" device=1000 counter=2 cursor=5 head=5 commit=sync wall_ms=1764000001000 lease_ms=15000 beat_ms=5000 state=offline server="stage"
> olga setting_set {"name":"affinity","value":2}
[olga] audit_added seq=6 prev=0 audit={number=3 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="affinity" before="1" after="2"}
[olga] setting_changed seq=7 prev=0 setting={name="affinity" value=2 unit="0 off, 1 prefer, 2 wait" max=2 standard=1 help="whether a returning buyer goes to its last agent"}
olga <- done ref=3 seq=7
> olga setting_set {"name":"affinity_wait_s","value":3600}
[olga] audit_added seq=8 prev=0 audit={number=4 wall_ms=1764000001000 who=1 device=1000 what="setting_set" subject="affinity_wait_s" before="60" after="3600"}
[olga] setting_changed seq=9 prev=0 setting={name="affinity_wait_s" value=3600 unit="s" max=3600 standard=60 help="with affinity 2: how long a session waits for the last agent"}
olga <- done ref=4 seq=9
> tao open {"channel":"taobao","buyer":"b1"}
[olga tao] session_changed seq=10 prev=0 change=opened session={session=1 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=11 prev=0 change=assigned session={session=1 state=open klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 bridge=3} card={customer=1 nick="b1" channel="taobao" buyer="b1" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=1 session=1 seq=11 customer=1 state=open
> tao leave {"session":1}
[olga amy tao] session_changed seq=12 prev=0 change=closed session={session=1 state=closed klass=normal group=1 agent=2 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=2 session=1 seq=12 state=closed
> tao open {"channel":"taobao","buyer":"b2"}
[olga tao] session_changed seq=13 prev=0 change=opened session={session=2 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=14 prev=0 change=assigned session={session=2 state=open klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 bridge=3} card={customer=2 nick="b2" channel="taobao" buyer="b2" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=3 session=2 seq=14 customer=2 state=open
> tao leave {"session":2}
[olga amy tao] session_changed seq=15 prev=0 change=closed session={session=2 state=closed klass=normal group=1 agent=2 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=4 session=2 seq=15 state=closed
> tao open {"channel":"taobao","buyer":"b3"}
[olga tao] session_changed seq=16 prev=0 change=opened session={session=3 state=queued klass=normal group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=17 prev=0 change=assigned session={session=3 state=open klass=normal group=1 agent=2 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 bridge=3} card={customer=3 nick="b3" channel="taobao" buyer="b3" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=5 session=3 seq=17 customer=3 state=open
> tao leave {"session":3}
[olga amy tao] session_changed seq=18 prev=0 change=closed session={session=3 state=closed klass=normal group=1 agent=2 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=6 session=3 seq=18 state=closed
> tao open {"channel":"taobao","buyer":"b4"}
[olga tao] session_changed seq=19 prev=0 change=opened session={session=4 state=queued klass=normal group=1 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=20 prev=0 change=assigned session={session=4 state=open klass=normal group=1 agent=2 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 bridge=3} card={customer=4 nick="b4" channel="taobao" buyer="b4" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=7 session=4 seq=20 customer=4 state=open
> tao leave {"session":4}
[olga amy tao] session_changed seq=21 prev=0 change=closed session={session=4 state=closed klass=normal group=1 agent=2 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=8 session=4 seq=21 state=closed
> tao open {"channel":"taobao","buyer":"b5"}
[olga tao] session_changed seq=22 prev=0 change=opened session={session=5 state=queued klass=normal group=1 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=23 prev=0 change=assigned session={session=5 state=open klass=normal group=1 agent=2 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000001000 bridge=3} card={customer=5 nick="b5" channel="taobao" buyer="b5" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=9 session=5 seq=23 customer=5 state=open
> tao leave {"session":5}
[olga amy tao] session_changed seq=24 prev=0 change=closed session={session=5 state=closed klass=normal group=1 agent=2 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=10 session=5 seq=24 state=closed
> tao open {"channel":"taobao","buyer":"b6"}
[olga tao] session_changed seq=25 prev=0 change=opened session={session=6 state=queued klass=normal group=1 customer=6 nick="b6" channel="taobao" buyer="b6" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=26 prev=0 change=assigned session={session=6 state=open klass=normal group=1 agent=2 customer=6 nick="b6" channel="taobao" buyer="b6" opened_ms=1764000001000 bridge=3} card={customer=6 nick="b6" channel="taobao" buyer="b6" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=11 session=6 seq=26 customer=6 state=open
> tao leave {"session":6}
[olga amy tao] session_changed seq=27 prev=0 change=closed session={session=6 state=closed klass=normal group=1 agent=2 customer=6 nick="b6" channel="taobao" buyer="b6" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=12 session=6 seq=27 state=closed
> tao open {"channel":"taobao","buyer":"b7"}
[olga tao] session_changed seq=28 prev=0 change=opened session={session=7 state=queued klass=normal group=1 customer=7 nick="b7" channel="taobao" buyer="b7" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=29 prev=0 change=assigned session={session=7 state=open klass=normal group=1 agent=2 customer=7 nick="b7" channel="taobao" buyer="b7" opened_ms=1764000001000 bridge=3} card={customer=7 nick="b7" channel="taobao" buyer="b7" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=13 session=7 seq=29 customer=7 state=open
> tao leave {"session":7}
[olga amy tao] session_changed seq=30 prev=0 change=closed session={session=7 state=closed klass=normal group=1 agent=2 customer=7 nick="b7" channel="taobao" buyer="b7" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=14 session=7 seq=30 state=closed
> tao open {"channel":"taobao","buyer":"b8"}
[olga tao] session_changed seq=31 prev=0 change=opened session={session=8 state=queued klass=normal group=1 customer=8 nick="b8" channel="taobao" buyer="b8" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=32 prev=0 change=assigned session={session=8 state=open klass=normal group=1 agent=2 customer=8 nick="b8" channel="taobao" buyer="b8" opened_ms=1764000001000 bridge=3} card={customer=8 nick="b8" channel="taobao" buyer="b8" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=15 session=8 seq=32 customer=8 state=open
> tao leave {"session":8}
[olga amy tao] session_changed seq=33 prev=0 change=closed session={session=8 state=closed klass=normal group=1 agent=2 customer=8 nick="b8" channel="taobao" buyer="b8" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=16 session=8 seq=33 state=closed
> tao open {"channel":"taobao","buyer":"b9"}
[olga tao] session_changed seq=34 prev=0 change=opened session={session=9 state=queued klass=normal group=1 customer=9 nick="b9" channel="taobao" buyer="b9" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=35 prev=0 change=assigned session={session=9 state=open klass=normal group=1 agent=2 customer=9 nick="b9" channel="taobao" buyer="b9" opened_ms=1764000001000 bridge=3} card={customer=9 nick="b9" channel="taobao" buyer="b9" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=17 session=9 seq=35 customer=9 state=open
> tao leave {"session":9}
[olga amy tao] session_changed seq=36 prev=0 change=closed session={session=9 state=closed klass=normal group=1 agent=2 customer=9 nick="b9" channel="taobao" buyer="b9" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=18 session=9 seq=36 state=closed
> tao open {"channel":"taobao","buyer":"b10"}
[olga tao] session_changed seq=37 prev=0 change=opened session={session=10 state=queued klass=normal group=1 customer=10 nick="b10" channel="taobao" buyer="b10" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=38 prev=0 change=assigned session={session=10 state=open klass=normal group=1 agent=2 customer=10 nick="b10" channel="taobao" buyer="b10" opened_ms=1764000001000 bridge=3} card={customer=10 nick="b10" channel="taobao" buyer="b10" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=19 session=10 seq=38 customer=10 state=open
> tao leave {"session":10}
[olga amy tao] session_changed seq=39 prev=0 change=closed session={session=10 state=closed klass=normal group=1 agent=2 customer=10 nick="b10" channel="taobao" buyer="b10" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=20 session=10 seq=39 state=closed
> tao open {"channel":"taobao","buyer":"b11"}
[olga tao] session_changed seq=40 prev=0 change=opened session={session=11 state=queued klass=normal group=1 customer=11 nick="b11" channel="taobao" buyer="b11" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=41 prev=0 change=assigned session={session=11 state=open klass=normal group=1 agent=2 customer=11 nick="b11" channel="taobao" buyer="b11" opened_ms=1764000001000 bridge=3} card={customer=11 nick="b11" channel="taobao" buyer="b11" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=21 session=11 seq=41 customer=11 state=open
> tao leave {"session":11}
[olga amy tao] session_changed seq=42 prev=0 change=closed session={session=11 state=closed klass=normal group=1 agent=2 customer=11 nick="b11" channel="taobao" buyer="b11" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=22 session=11 seq=42 state=closed
> tao open {"channel":"taobao","buyer":"b12"}
[olga tao] session_changed seq=43 prev=0 change=opened session={session=12 state=queued klass=normal group=1 customer=12 nick="b12" channel="taobao" buyer="b12" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=44 prev=0 change=assigned session={session=12 state=open klass=normal group=1 agent=2 customer=12 nick="b12" channel="taobao" buyer="b12" opened_ms=1764000001000 bridge=3} card={customer=12 nick="b12" channel="taobao" buyer="b12" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=23 session=12 seq=44 customer=12 state=open
> tao leave {"session":12}
[olga amy tao] session_changed seq=45 prev=0 change=closed session={session=12 state=closed klass=normal group=1 agent=2 customer=12 nick="b12" channel="taobao" buyer="b12" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=24 session=12 seq=45 state=closed
> tao open {"channel":"taobao","buyer":"b13"}
[olga tao] session_changed seq=46 prev=0 change=opened session={session=13 state=queued klass=normal group=1 customer=13 nick="b13" channel="taobao" buyer="b13" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=47 prev=0 change=assigned session={session=13 state=open klass=normal group=1 agent=2 customer=13 nick="b13" channel="taobao" buyer="b13" opened_ms=1764000001000 bridge=3} card={customer=13 nick="b13" channel="taobao" buyer="b13" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=25 session=13 seq=47 customer=13 state=open
> tao leave {"session":13}
[olga amy tao] session_changed seq=48 prev=0 change=closed session={session=13 state=closed klass=normal group=1 agent=2 customer=13 nick="b13" channel="taobao" buyer="b13" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=26 session=13 seq=48 state=closed
> tao open {"channel":"taobao","buyer":"b14"}
[olga tao] session_changed seq=49 prev=0 change=opened session={session=14 state=queued klass=normal group=1 customer=14 nick="b14" channel="taobao" buyer="b14" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=50 prev=0 change=assigned session={session=14 state=open klass=normal group=1 agent=2 customer=14 nick="b14" channel="taobao" buyer="b14" opened_ms=1764000001000 bridge=3} card={customer=14 nick="b14" channel="taobao" buyer="b14" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=27 session=14 seq=50 customer=14 state=open
> tao leave {"session":14}
[olga amy tao] session_changed seq=51 prev=0 change=closed session={session=14 state=closed klass=normal group=1 agent=2 customer=14 nick="b14" channel="taobao" buyer="b14" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=28 session=14 seq=51 state=closed
> tao open {"channel":"taobao","buyer":"b15"}
[olga tao] session_changed seq=52 prev=0 change=opened session={session=15 state=queued klass=normal group=1 customer=15 nick="b15" channel="taobao" buyer="b15" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=53 prev=0 change=assigned session={session=15 state=open klass=normal group=1 agent=2 customer=15 nick="b15" channel="taobao" buyer="b15" opened_ms=1764000001000 bridge=3} card={customer=15 nick="b15" channel="taobao" buyer="b15" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=29 session=15 seq=53 customer=15 state=open
> tao leave {"session":15}
[olga amy tao] session_changed seq=54 prev=0 change=closed session={session=15 state=closed klass=normal group=1 agent=2 customer=15 nick="b15" channel="taobao" buyer="b15" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=30 session=15 seq=54 state=closed
> tao open {"channel":"taobao","buyer":"b16"}
[olga tao] session_changed seq=55 prev=0 change=opened session={session=16 state=queued klass=normal group=1 customer=16 nick="b16" channel="taobao" buyer="b16" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=56 prev=0 change=assigned session={session=16 state=open klass=normal group=1 agent=2 customer=16 nick="b16" channel="taobao" buyer="b16" opened_ms=1764000001000 bridge=3} card={customer=16 nick="b16" channel="taobao" buyer="b16" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=31 session=16 seq=56 customer=16 state=open
> tao leave {"session":16}
[olga amy tao] session_changed seq=57 prev=0 change=closed session={session=16 state=closed klass=normal group=1 agent=2 customer=16 nick="b16" channel="taobao" buyer="b16" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=32 session=16 seq=57 state=closed
> tao open {"channel":"taobao","buyer":"b17"}
[olga tao] session_changed seq=58 prev=0 change=opened session={session=17 state=queued klass=normal group=1 customer=17 nick="b17" channel="taobao" buyer="b17" opened_ms=1764000001000 bridge=3} by=3
[olga amy tao] session_changed seq=59 prev=0 change=assigned session={session=17 state=open klass=normal group=1 agent=2 customer=17 nick="b17" channel="taobao" buyer="b17" opened_ms=1764000001000 bridge=3} card={customer=17 nick="b17" channel="taobao" buyer="b17" first_ms=1764000001000 last_ms=1764000001000 visits=1} by=3
tao <- done ref=33 session=17 seq=59 customer=17 state=open
> tao leave {"session":17}
[olga amy tao] session_changed seq=60 prev=0 change=closed session={session=17 state=closed klass=normal group=1 agent=2 customer=17 nick="b17" channel="taobao" buyer="b17" opened_ms=1764000001000 reason=buyer_left bridge=3} by=3
tao <- done ref=34 session=17 seq=60 state=closed
> amy be {"state":"paused"}
[olga amy] agent_changed seq=61 prev=0 agent={agent=2 state=paused reason=other since_ms=1764000001000 limit=12 taken=17 weight=100 groups=[1] role=agent account=active} by=2
amy <- done ref=2 agent=2
> tao open {"channel":"taobao","buyer":"b1"}
[olga tao] session_changed seq=62 prev=0 change=opened session={session=18 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=63 prev=0 change=queued session={session=18 state=queued klass=normal group=1 customer=1 nick="b1" channel="taobao" buyer="b1" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=35 session=18 seq=63 customer=1 state=queued
> tao open {"channel":"taobao","buyer":"b2"}
[olga tao] session_changed seq=64 prev=0 change=opened session={session=19 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=65 prev=0 change=queued session={session=19 state=queued klass=normal group=1 customer=2 nick="b2" channel="taobao" buyer="b2" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=36 session=19 seq=65 customer=2 state=queued
> tao open {"channel":"taobao","buyer":"b3"}
[olga tao] session_changed seq=66 prev=0 change=opened session={session=20 state=queued klass=normal group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=67 prev=0 change=queued session={session=20 state=queued klass=normal group=1 customer=3 nick="b3" channel="taobao" buyer="b3" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=37 session=20 seq=67 customer=3 state=queued
> tao open {"channel":"taobao","buyer":"b4"}
[olga tao] session_changed seq=68 prev=0 change=opened session={session=21 state=queued klass=normal group=1 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=69 prev=0 change=queued session={session=21 state=queued klass=normal group=1 customer=4 nick="b4" channel="taobao" buyer="b4" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=38 session=21 seq=69 customer=4 state=queued
> tao open {"channel":"taobao","buyer":"b5"}
[olga tao] session_changed seq=70 prev=0 change=opened session={session=22 state=queued klass=normal group=1 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=71 prev=0 change=queued session={session=22 state=queued klass=normal group=1 customer=5 nick="b5" channel="taobao" buyer="b5" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=39 session=22 seq=71 customer=5 state=queued
> tao open {"channel":"taobao","buyer":"b6"}
[olga tao] session_changed seq=72 prev=0 change=opened session={session=23 state=queued klass=normal group=1 customer=6 nick="b6" channel="taobao" buyer="b6" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=73 prev=0 change=queued session={session=23 state=queued klass=normal group=1 customer=6 nick="b6" channel="taobao" buyer="b6" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=40 session=23 seq=73 customer=6 state=queued
> tao open {"channel":"taobao","buyer":"b7"}
[olga tao] session_changed seq=74 prev=0 change=opened session={session=24 state=queued klass=normal group=1 customer=7 nick="b7" channel="taobao" buyer="b7" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=75 prev=0 change=queued session={session=24 state=queued klass=normal group=1 customer=7 nick="b7" channel="taobao" buyer="b7" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=41 session=24 seq=75 customer=7 state=queued
> tao open {"channel":"taobao","buyer":"b8"}
[olga tao] session_changed seq=76 prev=0 change=opened session={session=25 state=queued klass=normal group=1 customer=8 nick="b8" channel="taobao" buyer="b8" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=77 prev=0 change=queued session={session=25 state=queued klass=normal group=1 customer=8 nick="b8" channel="taobao" buyer="b8" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=42 session=25 seq=77 customer=8 state=queued
> tao open {"channel":"taobao","buyer":"b9"}
[olga tao] session_changed seq=78 prev=0 change=opened session={session=26 state=queued klass=normal group=1 customer=9 nick="b9" channel="taobao" buyer="b9" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=79 prev=0 change=queued session={session=26 state=queued klass=normal group=1 customer=9 nick="b9" channel="taobao" buyer="b9" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=43 session=26 seq=79 customer=9 state=queued
> tao open {"channel":"taobao","buyer":"b10"}
[olga tao] session_changed seq=80 prev=0 change=opened session={session=27 state=queued klass=normal group=1 customer=10 nick="b10" channel="taobao" buyer="b10" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=81 prev=0 change=queued session={session=27 state=queued klass=normal group=1 customer=10 nick="b10" channel="taobao" buyer="b10" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=44 session=27 seq=81 customer=10 state=queued
> tao open {"channel":"taobao","buyer":"b11"}
[olga tao] session_changed seq=82 prev=0 change=opened session={session=28 state=queued klass=normal group=1 customer=11 nick="b11" channel="taobao" buyer="b11" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=83 prev=0 change=queued session={session=28 state=queued klass=normal group=1 customer=11 nick="b11" channel="taobao" buyer="b11" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=45 session=28 seq=83 customer=11 state=queued
> tao open {"channel":"taobao","buyer":"b12"}
[olga tao] session_changed seq=84 prev=0 change=opened session={session=29 state=queued klass=normal group=1 customer=12 nick="b12" channel="taobao" buyer="b12" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=85 prev=0 change=queued session={session=29 state=queued klass=normal group=1 customer=12 nick="b12" channel="taobao" buyer="b12" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=46 session=29 seq=85 customer=12 state=queued
> tao open {"channel":"taobao","buyer":"b13"}
[olga tao] session_changed seq=86 prev=0 change=opened session={session=30 state=queued klass=normal group=1 customer=13 nick="b13" channel="taobao" buyer="b13" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=87 prev=0 change=queued session={session=30 state=queued klass=normal group=1 customer=13 nick="b13" channel="taobao" buyer="b13" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=47 session=30 seq=87 customer=13 state=queued
> tao open {"channel":"taobao","buyer":"b14"}
[olga tao] session_changed seq=88 prev=0 change=opened session={session=31 state=queued klass=normal group=1 customer=14 nick="b14" channel="taobao" buyer="b14" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=89 prev=0 change=queued session={session=31 state=queued klass=normal group=1 customer=14 nick="b14" channel="taobao" buyer="b14" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=48 session=31 seq=89 customer=14 state=queued
> tao open {"channel":"taobao","buyer":"b15"}
[olga tao] session_changed seq=90 prev=0 change=opened session={session=32 state=queued klass=normal group=1 customer=15 nick="b15" channel="taobao" buyer="b15" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=91 prev=0 change=queued session={session=32 state=queued klass=normal group=1 customer=15 nick="b15" channel="taobao" buyer="b15" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=49 session=32 seq=91 customer=15 state=queued
> tao open {"channel":"taobao","buyer":"b16"}
[olga tao] session_changed seq=92 prev=0 change=opened session={session=33 state=queued klass=normal group=1 customer=16 nick="b16" channel="taobao" buyer="b16" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=93 prev=0 change=queued session={session=33 state=queued klass=normal group=1 customer=16 nick="b16" channel="taobao" buyer="b16" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=50 session=33 seq=93 customer=16 state=queued
> tao open {"channel":"taobao","buyer":"b17"}
[olga tao] session_changed seq=94 prev=0 change=opened session={session=34 state=queued klass=normal group=1 customer=17 nick="b17" channel="taobao" buyer="b17" opened_ms=1764000001000 returning=true bridge=3} by=3
[olga tao] session_changed seq=95 prev=0 change=queued session={session=34 state=queued klass=normal group=1 customer=17 nick="b17" channel="taobao" buyer="b17" opened_ms=1764000001000 returning=true bridge=3} by=3
tao <- done ref=51 session=34 seq=95 customer=17 state=queued
# These wait for Amy. This one is new, and Ben comes.
> tao open {"channel":"taobao","buyer":"new"}
[olga tao] session_changed seq=96 prev=0 change=opened session={session=35 state=queued klass=normal group=1 customer=18 nick="new" channel="taobao" buyer="new" opened_ms=1764000001000 bridge=3} by=3
[olga tao] session_changed seq=97 prev=0 change=queued session={session=35 state=queued klass=normal group=1 customer=18 nick="new" channel="taobao" buyer="new" opened_ms=1764000001000 bridge=3} by=3
tao <- done ref=52 session=35 seq=97 customer=18 state=queued
> found agent ben
> tao asks get_session {"session":35}
tao <- session_page cursor=101 sessions=[{session=35 state=open klass=normal group=1 agent=4 customer=18 nick="new" channel="taobao" buyer="new" opened_ms=1764000001000 bridge=3}]
