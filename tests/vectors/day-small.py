#!/usr/bin/env python3
"""Makes day-small.csv: a morning of a small phone floor, all of it invented.

The form is that of client/cli/DAY.md. Buyers come at random, agents take who has waited longest
(buyers of priority 2 a little earlier), buyers who lose their patience hang up. The oddities of real
recordings are put in by hand at the end: a call that was none, one served by nobody known, one whose
service was not recorded, clocks that disagree, an id that comes twice.

    python3 day-small.py > day-small.csv
"""
import heapq
import random

COLUMNS = ("call_id,customer_id,priority,type,vru_entry,vru_exit,vru_s,queue_start,queue_exit,"
           "queue_s,outcome,service_start,service_exit,service_s,server")
AGENTS = {  # name: types, from, to (hours)
    "LIMEI": ("PRE", "AFT"), "WANGFANG": ("PRE",), "ZHAOLEI": ("PRE", "AFT", "CMP"),
    "CHENJING": ("AFT", "CMP"), "LIUYANG": ("PRE", "AFT"), "SUNHAO": ("AFT",),
}
HOURS = {"LIMEI": (9, 12), "WANGFANG": (9, 11), "ZHAOLEI": (9.5, 13), "CHENJING": (9, 13),
         "LIUYANG": (10, 13), "SUNHAO": (11, 12)}
MEAN = {"PRE": 200, "AFT": 320, "CMP": 420}  # seconds of service
dice = random.Random(20010813)


def clock(seconds):
    return "%d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def buyers():
    now, rows = 9 * 3600 - 300, []
    regulars = [dice.randrange(10000, 99999) for _ in range(25)]
    for number in range(196):
        now += int(dice.expovariate(1 / 73)) + 1
        known = dice.random() < 0.55
        rows.append({
            "call": 5000 + number, "at": now, "menu": dice.randrange(4, 15),
            "customer": dice.choice(regulars) if known else 0,
            "priority": dice.choice((0, 1, 2)) if known else 0,
            "type": dice.choices(("PRE", "AFT", "CMP"), (5, 4, 1))[0],
            "patience": int(dice.expovariate(1 / 260)), "leaves": dice.random() < 0.06})
    return rows


def play(rows):
    free = {name: HOURS[name][0] * 3600 for name in AGENTS}
    waiting, events = [], []
    for n, row in enumerate(rows):
        row["in"] = row["at"] + row["menu"]
        if not row["leaves"]:
            heapq.heappush(events, (row["in"], n))
    for name in AGENTS:
        heapq.heappush(events, (int(free[name]), -1))
    while events:
        now, n = heapq.heappop(events)
        if n >= 0:
            waiting.append(n)
            heapq.heappush(events, (now + rows[n]["patience"], -1))
        for w in sorted(waiting, key=lambda w: rows[w]["in"] - 60 * (rows[w]["priority"] == 2)):
            row = rows[w]
            able = [a for a in AGENTS if row["type"] in AGENTS[a] and free[a] <= now
                    and HOURS[a][0] * 3600 <= now < HOURS[a][1] * 3600]
            if able:
                who = min(able, key=lambda a: free[a])
                service = 5 + int(dice.expovariate(1 / MEAN[row["type"]]))
                row.update(server=who, begin=now, end=now + service)
                free[who] = now + service
                heapq.heappush(events, (now + service, -1))
                waiting.remove(w)
            elif now - row["in"] >= row["patience"]:
                row["gone"] = now
                waiting.remove(w)


def line(r):
    served = "server" in r
    stop = r.get("begin", r.get("gone", r["in"]))
    waits = not r["leaves"] and (stop > r["in"] or not served)
    queue = (r["in"], stop) if waits else (0, 0)
    service = (r["begin"], r["end"]) if served else (0, 0)
    return ",".join(str(x) for x in (
        r["call"], r["customer"], r["priority"], r["type"], clock(r["at"]), clock(r["in"]),
        r["in"] - r["at"], clock(queue[0]), clock(queue[1]), queue[1] - queue[0],
        "AGENT" if served else "HANG", clock(service[0]), clock(service[1]),
        service[1] - service[0], r.get("server", "NO_SERVER")))


ODDITIES = """\
5196,0,0,PRE,9:20:10,9:20:18,8,9:20:18,9:21:02,44,PHANTOM,9:21:02,9:21:05,3,NO_SERVER
5197,0,0,AFT,10:02:40,10:02:51,11,0:00:00,0:00:00,0,AGENT,10:02:52,10:03:40,48,NO_SERVER
5017,31337,2,AFT,10:41:07,10:40:30,-37,10:40:30,10:42:09,99,AGENT,0:00:00,0:00:00,0,LIMEI
5198,0,1,PRE,11:15:00,11:15:06,6,11:15:06,11:15:06,0,HANG,0:00:00,0:00:00,0,NO_SERVER"""

day = buyers()
play(day)
print(COLUMNS)
for entry in day:
    print(line(entry))
print(ODDITIES)
