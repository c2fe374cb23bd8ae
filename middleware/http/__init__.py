"""How the hub speaks to the outside: one gateway, and what it asks before and notes after.

- `gateway`: the `Http` port of a connection;
- `link`: what the gateway must know of a connection;
- `sending`: one call from start to end: deadline, repeats, doubt;
- `wire`: a described call as a request, an answer as a reply, silence as a failure;
- `pools`: the ways out, each with its own sockets;
- `transport`: a pool of sockets, as an httpx transport;
- `ways`: where its sockets lead: straight to a host, or through a proxy;
- `sockets`: HTTP/1.1 over one socket;
- `dialling`: reaching a host by TCP;
- `guard`: where we may connect;
- `budget`: how long to wait before the next call;
- `urgency`: who goes first when a limit is short;
- `ledger`: what was exchanged, without secrets and without customers' words;
- `codes`: every failure code given here, with its sentence.
"""
