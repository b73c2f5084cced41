/**
 * Raw TCP, UDP and TLS connects from k6: does every connect through a virtual IP succeed, who answers, and how fast?
 *
 * Connections run on event loops outside the JavaScript runtime. Everything that waits for the network returns a
 * Promise, so a VU can do other things meanwhile. A wrong option rejects with a TypeError that names the option, its
 * value and what is accepted. A connection that fails is counted and classified, never thrown.
 *
 * Options that are durations take k6's notation (`'8s'`, `'500ms'`) or milliseconds. Durations in results are milliseconds.
 *
 * @example
 * import { flood } from 'k6/x/mconnect';
 *
 * export const options = { thresholds: { mconnect_verdict_failed: ['rate==0'], mconnect_verdicts: ['count>0'] } };
 *
 * export default async function () {
 *   await flood('10.0.0.2:5001', { connections: 20000, source: '198.18.0.0/16', expect: { hosts: ['web-1', 'web-2', 'web-3'] } });
 * }
 */

/** The protocol. A suffix 4 or 6 restricts it to that version of IP. With `tls`, k6's TLS options apply (certificates, versions, `insecureSkipTLSVerify`). */
export type Network = 'tcp' | 'tcp4' | 'tcp6' | 'udp' | 'udp4' | 'udp6' | 'tls';

/** A duration: k6's notation such as `'8s'`, `'500ms'` or `'1m30s'`, or a number of milliseconds. Above 0, at most a year. */
export type Duration = string | number;

/** Bytes. A string is sent as UTF-8. */
export type Bytes = string | ArrayBuffer | Uint8Array;

/**
 * `'host:port'` or `'[v6]:port'`. A host name is looked up once per call, with k6's resolver, so `hosts`, `dns`, `blacklistIPs`
 * and `blockHostnames` apply. A target that these options forbid counts as `blocked`, a name that does not resolve as `dns`; no packet is sent.
 * All names of a call are looked up concurrently, before the first connection is dialed.
 *
 * A name in another alphabet is looked up as DNS has it (UTS 46), in all calls alike. The same form is the server name of TLS and
 * HTTP's Host header: `bücher.example` is `xn--bcher-kva.example`, which is also the form that k6's `hosts` and `blockHostnames` need.
 * Results and tags keep the name as the script has written it.
 */
export type Target = string;

/**
 * Why a connection failed.
 *
 * - `refused`: nothing listens there
 * - `timeout`: not established within `connectTimeout`, or before the call's `timeout`
 * - `reset`, `closed`: the peer reset or closed the connection before it answered, or under traffic
 * - `host_unreachable`, `net_unreachable`: no route; ICMP errors
 * - `addr_in_use`: the fixed source address and port are taken
 * - `addr_not_available`: the source is not usable on this host, or all its ports to this target are used up
 * - `fd_limit`: no file descriptor is left, and no connection of the call is in flight whose end would free one
 * - `no_reply`: established, but no answer within `connectTimeout`, or before the call's `timeout`; no answer to a keepalive within
 *   `keepaliveTimeout`; no echo within `lossTimeout`
 * - `bad_reply`: the answer is not a host name (1 to 255 bytes of printable UTF-8, up to the first NUL, CR, LF or TAB), is a host's name
 *   twice over or a PROXY header (something put data of its own before ours), does not match `reply`, or is longer than 64 KiB; more came back than was sent
 * - `dns`, `blocked`: the name does not resolve; k6's options, or this host's own firewall, forbid the target
 * - `tls`: the handshake failed
 * - `aborted`: the test was stopped, the iteration ended, or hold() closed its connections (`close()`, `duration`), before the connection was established or answered
 */
export type ErrorClass =
  | 'refused' | 'timeout' | 'reset' | 'closed' | 'host_unreachable' | 'net_unreachable' | 'addr_in_use'
  | 'addr_not_available' | 'fd_limit' | 'no_reply' | 'bad_reply' | 'dns' | 'blocked' | 'tls' | 'aborted' | 'other';

/** The names of the verdicts that results have. A call that is rejected or throws, and an iteration that ends with an exception, adds one more to the metrics, `ran`. docs/verdicts.md explains each. */
export type VerdictName =
  | 'complete' | 'connected' | 'answered' | 'kept' | 'recovered' | 'intact' | 'hosts' | 'balance' | 'moved' | 'affinity' | 'source'
  | 'loss' | 'recovery' | 'capacity' | 'idle' | 'prompt' | 'sockets' | 'ran';

/** Whether something holds that is expected of a call. */
export interface Verdict {
  name: VerdictName;
  ok: boolean;
  /** What was expected and what happened; if the verdict does not hold, also the likeliest cause and what to do next. */
  text: string;
}

/**
 * The part of a result that says whether all is well. Each verdict adds one sample to the Rate `mconnect_verdict_failed` and one to the
 * Counter `mconnect_verdicts`, with the tags `verdict` and `call`. The log tells those that do not hold once more when k6 exits (the first 10).
 */
export interface Judged {
  /** All verdicts hold. */
  ok: boolean;
  verdicts: Verdict[];
}

/** The least share of connections for which a verdict must hold, 0 to 1. `true`, the default, is 1: all of them. `false` leaves the verdict out. */
export type Share = number | boolean;

/** What is expected of calls that connect. */
export interface ConnectExpect {
  /** Of the connections asked for, those that must have been begun. Default 1. */
  complete?: Share;
  /** Of the connections begun, those that must be established. Default 1. traffic(): of each connection's first dial. */
  connected?: Share;
}

/**
 * Who must answer: names, or an object of names and what each is due in relation to the others, 1e-9 to 1e9. A host of weight 0 must not answer.
 * 1 to 10,000 names. `false` leaves the verdict `hosts` out.
 */
export type ExpectedHosts = string | string[] | Record<string, number> | false;

/** What must hold in a flood(). All of `hosts`, `balance`, `affinity`, `source` and `replyTime` need answers (`readReply`). */
export interface FloodExpect extends ConnectExpect {
  /** Of the connections established, those that must get a right answer. Default 1. */
  answered?: Share;
  /**
   * Who must answer. Judges who answers, not how much. An object takes the place of `weights`: the result's `balance` is judged by it.
   * Default: anybody may answer.
   */
  hosts?: ExpectedHosts;
  /**
   * Judges the shares of the hosts, by `true` or the least p-value: they must not differ from what is due by more than chance explains. `true`: the p-value must be at least
   * 0.001; a number: at least that. `{tolerance: 0.1}` fails only if, besides, the share of a host is off its due by more than a
   * tenth of that due, since no hash table deals out connections like dice. Default: not judged.
   */
  balance?: boolean | number | {
    /** The share of a host may be off its due by this part of that due, 0 to 1: 0.1 is 10 %. Default: none. */
    tolerance?: number;
    /** The least p-value. Default 0.001. */
    p?: number;
  };
  /** `true`: each source address must be answered by one host only. Needs fewer sources than connections. Default `false`. */
  affinity?: boolean;
  /**
   * `true`: each backend must see the source address that the connection has used. Needs backends that tell it
   * (`mconnect-server -tell-source`, `listen({ tellSource: true })`), and excludes `reply`. Addresses are compared, not ports. Default `false`.
   */
  source?: boolean;
  /** The largest share of connects that may take more than one SYN, 0 to 1. Linux. Default 0.01. Part of the verdict `prompt`. */
  retransmits?: number;
  /**
   * The longest 99th percentile of the time to connect. It counts as `connect_time` does: with `rate` from the planned instant, over TLS with the handshake. Not over
   * UDP. Adds a verdict `prompt` of its own. Default: not judged.
   */
  connectTime?: Duration;
  /** The longest 99th percentile of the time to answer. Adds a verdict `prompt` of its own. Default: not judged. */
  replyTime?: Duration;
  /** `false` leaves the verdict `prompt` out. */
  prompt?: boolean;
}

/** What must hold in a hold(). */
export interface HoldExpect extends ConnectExpect {
  /** Of the connections established, those that must last to the end, or end by an announced {@link change}. Default 1. */
  kept?: Share;
  /** Who must tell its name on a connection. Needs a target that does, by itself or in the answer to a keepalive. Default: anybody. */
  hosts?: ExpectedHosts;
  /** The largest share of connects that may take more than one SYN, 0 to 1. Linux. Default 0.01. Part of the verdict `prompt`. */
  retransmits?: number;
  /** The longest 99th percentile of the time to connect. Not over UDP. Adds a verdict `prompt` of its own. Default: not judged. */
  connectTime?: Duration;
  /** The longest 99th percentile of the time to answer a keepalive. Needs `keepalive`. Adds a verdict `prompt` of its own. Default: not judged. */
  replyTime?: Duration;
  /** `false` leaves the verdict `prompt` out. */
  prompt?: boolean;
}

/** What must hold in traffic(). */
export interface TrafficExpect extends ConnectExpect {
  /** Of the connections established, redialed ones included, those that must last, or be lost by an announced {@link change}. Default 1. */
  kept?: Share;
  /** `false` leaves out the verdict that all connections are up and echoing at the end. */
  recovered?: boolean;
  /** `false` leaves out the verdict that all echoes have the bytes that were sent. There is one with `verify`. */
  intact?: boolean;
  /** The largest share of packets that may be lost, 0 to 1. Default: not judged. */
  loss?: number | false;
  /** The longest that an outage may last. Default: not judged. */
  recovery?: Duration | false;
}

/** What must hold in a capacity(). Connects that fail are what it looks for, and fail no verdict. */
export interface CapacityExpect {
  /** Of the connections asked for, those that must have been begun. Default 1. */
  complete?: Share;
  /** How many connections the target must hold. Default 1. */
  connections?: number;
  /** `false` leaves out the verdict on how many are held. */
  capacity?: boolean;
}

/** What must hold for a ping() or tcpPing(). */
export interface PingExpect {
  /** Of the addresses that were asked, those that must be reached. Default 1. */
  connected?: Share;
  /** Of the addresses that were reached, those that must answer with a status below 305. Only ping(). Default 1. */
  answered?: Share;
}

/** What counts as an answer, if not a host name. */
export interface Reply {
  /**
   * A RegExp that must match somewhere in the answer, or a text that the answer must contain. A RegExp is matched with RE2's syntax, which has no
   * look-around and no back-references; flags `i`, `m` and `s` apply. Each byte of the answer is one character U+0000 to U+00FF, so that
   * binary answers can be matched. The first group, if there is one, is the name of the host; without it the answer counts under `(unknown)`.
   */
  match?: RegExp | Bytes;
  /** The 1 to 1,024 bytes that end the answer, such as `'\r\n'`. They belong to it. Not together with `bytes`. */
  until?: Bytes;
  /** The length of the answer, 1 to 65,536. Not together with `until`. Default of both: the first read, or datagram, is the answer. */
  bytes?: number;
}

/**
 * Options that flood(), hold(), capacity() and traffic() share. `null` and `undefined` stand for the default. An option that has no effect with
 * the other options is ignored where that deceives nobody: `seed` with sources in order, `serverName` without TLS.
 */
export interface CallOptions {
  /** The protocol, and where it matters the version of IP. Default `'tcp'`. */
  network?: Network;
  /** How many connections to make, 1 to 100,000,000. Default 1. */
  connections?: number;
  /** Most connections in flight at once, 1 to 1,000,000; should stay below the server's backlog. Default 64. */
  concurrency?: number;
  /**
   * New connections per second. Each is due at a fixed instant, from which its durations count, whatever the others do
   * (open loop), so that a stall shows in the percentiles. 0, the default, dials as fast as `concurrency` allows.
   */
  rate?: number;
  /** Bounds each connection: the time until it is established, and then the time until the answer. Default `'5s'`. */
  connectTimeout?: Duration;
  /**
   * Bounds the whole call. Name resolution may take nine tenths of it; a name that takes longer counts as `dns`, and the time that it took is
   * deducted from the time for the connections. Default: 1 ms per connection, or `connections / rate` if that is longer, plus 2 s, or plus
   * `connectTimeout` if that is given and longer. The default starts after name resolution, which may take up to 9 s.
   */
  timeout?: Duration;
  /**
   * Source addresses: an address, a CIDR, a range (`'10.0.0.5-10.0.0.20'`), or a comma list or array of these, as for
   * k6's `--local-ips`. As there, an IPv4 CIDR leaves out its network and broadcast address, so a /24 has 254. They must
   * belong to this host (`ip addr add 198.18.0.0/24 dev lo`; not with `driver: 'packets'`), and answers must find their way back to it.
   * Default: k6's `localIPs`, else the operating system's choice. If `localIPs` has both IP versions, those that fit the (first)
   * target are used: IPv6 for an IPv6 address, IPv4 for a name.
   */
  source?: string | string[];
  /**
   * In which order sources are used. `'sequential'`, the default, starts at the iteration's number, unique in its scenario, times
   * `connections` (of capacity() without them: the most that it would try). If there are several scenarios, each has an equal part of the sources
   * and ports, in the order of their names. So VUs, scenarios and k6 instances with different execution segments use different sources,
   * as long as all iterations of a scenario have the same `connections`, and together need no more than its part. After that, sources
   * repeat. Calls of one iteration begin at the same source, so that {@link disruption} can compare them; give calls that run
   * at the same time a `source` or `sourcePorts` of their own.
   */
  sourceOrder?: 'sequential' | 'random';
  /** Makes `sourceOrder: 'random'` reproducible. A whole number. */
  seed?: number;
  /**
   * Fixed source ports such as `'10000-20000'`, so that the same 5-tuples can be dialed again: connection i of the whole
   * test has source i mod S and port (i div S) mod P. Goes well with `close: 'rst'`. Default: the operating system's choice.
   */
  sourcePorts?: string;
  /** How connections are closed: `'fin'`, the default, or `'rst'`, which leaves no TIME_WAIT behind and frees the port at once. */
  close?: 'fin' | 'rst';
  /**
   * Which addresses of a name are targets. `'one'`, the default: the one that k6's resolver chooses. `'all'`: each of them, in turn, with the tag
   * `ip` on the metrics; `connections` is the total. `'all'` asks the system's resolver; k6's `hosts`, `dns.policy` and
   * blocks apply. That policy is `preferIPv4` by default, which leaves IPv6 out where there is IPv4: with `dns: { policy: 'any' }` both are targets. At most 1,000 addresses of a name are used.
   */
  addresses?: 'one' | 'all';
  /**
   * The version, 1 or 2, of the PROXY header that each connection begins with, before TLS. It tells the connection's own addresses. For servers
   * that want one: `mconnect-server -proxy-protocol`, HAProxy's `accept-proxy`. Not with UDP. Default: none.
   */
  proxyProtocol?: 1 | 2;
  /**
   * What connections are made of (`packets`: Linux, root). `'sockets'`: the kernel's. `'packets'`: TCP and UDP of the module's own, over AF_XDP or AF_PACKET, for more connects
   * a second, and connections that need neither descriptor nor socket. Linux only, with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF; not with TLS.
   * `preflight({driver: 'packets'})` tells what is missing. Default `'sockets'`.
   */
  driver?: 'sockets' | 'packets';
  /** The server name for TLS: SNI, and the name that the certificate must have. Default: the target's host. */
  serverName?: string;
  /** Added to the tags of the call's metrics. The names of the module's own tags are not free. */
  tags?: Record<string, string | number | boolean>;
  /**
   * Which connections become samples of Trends. `'all'`, the default up to 1,000,000 connections a call, or `'thinned'`: a fair sample of about
   * 10,000 of them. Counters, Rates and results are of all in both cases; of hosts that answer rarely, no sample may be left.
   */
  samples?: 'all' | 'thinned';
  /** Interval of a progress line in the log, worded as tcpgoon words it. Default: none. */
  monitor?: Duration;
}

export interface FloodOptions extends CallOptions {
  /** What a connection sends once it is established, 1 to 65,507 bytes; over TCP nothing unless it is given. Default: nothing; over UDP `'Hello'`. */
  payload?: Bytes;
  /** What counts as an answer. Default: a host name in the first read. Not with `readReply: false`. */
  reply?: Reply;
  /** `false` ends a connection once it is established and the payload, if any, is sent. Over UDP nothing is known of the target then. Default `true`. */
  readReply?: boolean;
  /** What must hold besides the defaults. */
  expect?: FloodExpect;
  /**
   * What hosts are due in relation to each other, by the names they answer with: `{'web-1': 2, 'web-2': 1}`. The result's
   * balance is judged by it; a host that has a weight and is silent counts as 0, one that has none should not answer.
   * `expect.hosts` takes its place. Default: all that answer are due the same.
   */
  weights?: Record<string, number>;
  /**
   * `true` makes the result say which host answered which 5-tuple, for {@link disruption}. Needs `sourcePorts`, and answers
   * (`readReply`); with TCP use `close: 'rst'` too, since a port in TIME_WAIT can't dial the same target again. At most
   * 10,000,000 connections. Default `false`.
   */
  flows?: boolean;
}

/** Connections by state. Each connection is in exactly one, so they always add up to all connections asked for. */
export interface States {
  /** Not dialed yet, or never, because the call ended first. */
  not_initiated: number;
  dialing: number;
  established: number;
  /** Did all that was asked of it. */
  completed: number;
  /** Held, and closed by the peer. In a flood, that is an error instead. */
  closed: number;
  error: number;
}

/**
 * Figures of a set of durations, in milliseconds; all 0 if the set is empty. They are exact, except for the median and the percentiles of
 * sets that grow for as long as a call lasts, and of very large ones. Those are off by at most 0.1 % or 1 µs: always in `round_trip`, with
 * more than 16,384 values in the `echo_time` of hold() and in traffic()'s `connect_time`, `error_time` and `rtt`, and with more than 100,000
 * in those of hold() and flood().
 */
export interface Summary {
  min: number;
  avg: number;
  med: number;
  max: number;
  /** Standard deviation. */
  dev: number;
  'p(90)': number;
  'p(95)': number;
  'p(99)': number;
}

/** How the answers are spread over the hosts that gave them: against equal shares, or against `weights`. */
export interface Balance {
  /** Hosts that answered or have a weight above 0; beyond 10,000 names, all others together are one. */
  hosts: number;
  /** The smallest and the largest part that one host got, 0 to 1. */
  min_share: number;
  max_share: number;
  /** The most that a host got in relation to its due: 1 is perfect balance, 1.5 half as much again. */
  max_load: number;
  /** Coefficient of variation of the hosts' loads (what they got in relation to their due); 0 is perfect balance. */
  cv: number;
  /** Fairness index of the loads (Jain, Chiu and Hawe, DEC-TR-301, 1984); 1 is perfect balance, 1/hosts the worst. */
  jain: number;
  /** Pearson's chi-squared statistic (1900) against the due shares; degrees of freedom: hosts that are due something, less 1. */
  chi2: number;
  /**
   * The probability of a spread at least this far from the due shares if every connection picked a host at random with these
   * chances. Small (say below 0.001): the hosts are not chosen so. Near 1: they are dealt out in turn. 0 if `unexpected` is not.
   */
  p_value: number;
  /** Answers of hosts that are due nothing: with weight 0, or without one though others have. */
  unexpected: number;
  /** The due shares, 0 to 1, if there are `weights`. */
  expected?: Record<string, number>;
}

/** Which host answered which 5-tuple. Opaque. Survives JSON, so it can be returned from `setup()`. */
export interface Flows {
  readonly version: number;
}

/** Do the connections of one source address to one target stay with one host? */
export interface Affinity {
  /** Addresses from which at least two connections to the same target were answered. */
  sources: number;
  /** Those of them whose answers all came from one host. */
  sticky: number;
  /** sticky / sources: 1 if the load balancer chooses by address, as session affinity asks for. */
  share: number;
}

/** The answers of one host. */
export interface HostTimes {
  answers: number;
  /** Of the connections that it answered. */
  connect_time: Summary;
  /** From there until the answer. */
  reply_time: Summary;
}

/** connects = sum of hosts + failed_connects + failed_reads + states.not_initiated, unless `readReply` is false. */
export interface FloodResult extends Judged {
  /** Answers by host name. At most 10,000 different names are kept; the rest count under `(other)`, answers without a name under `(unknown)`. */
  hosts: Record<string, number>;
  /** How fast each host answered; of the 1,000 that answered most. */
  by_host: Record<string, HostTimes>;
  /** Hosts of `expect.hosts` that did not answer. */
  missing: string[];
  /** With `expect.hosts`: answers of hosts that are not in it, or have weight 0 there. */
  unexpected: Record<string, number>;
  /** Connections asked for. */
  connects: number;
  failed_connects: number;
  failed_reads: number;
  /** From `start_time` to the last connection's end, in milliseconds; without name resolution, which comes before. */
  duration: number;
  /** When name resolution was done. RFC 3339, with nanoseconds. */
  start_time: string;
  /** The time limit from then on, in milliseconds: option `timeout` less what name resolution took, or its default. */
  timeout: number;
  states: States;
  /** Failures by class; they add up to states.error. */
  errors: Partial<Record<ErrorClass, number>>;
  /** Of each class, what the first failure was and what can be done. */
  first_errors: Partial<Record<ErrorClass, string>>;
  /** From the planned instant until established (TLS: handshake included; UDP: until the datagram was sent). */
  connect_time: Summary;
  /** From there until the answer. */
  reply_time: Summary;
  /** From the planned instant until the failure, of connections that failed. */
  error_time: Summary;
  /** The kernel's measure of the handshake's round trip (TCP_INFO); Linux. */
  rtt: Summary;
  balance: Balance;
  /** SYNs that had to be sent again; Linux. */
  syn_retransmits: number;
  /** Different addresses of `source` that were used. */
  sources_used: number;
  /** With `flows: true`. */
  flows?: Flows;
  /** With `flows: true` or `expect.affinity`. */
  affinity?: Affinity;
}

/**
 * Connects to the target, or to several in turn, sends `payload` if there is one, reads the answer, and closes.
 * Resolves when every connection has ended, or `timeout` is over.
 *
 * Verdicts: `complete`, `connected`, `prompt` (not over UDP); with `readReply` also `answered`; with {@link FloodExpect} `hosts`, `balance`, `affinity`, `source`.
 *
 * Metrics (tags `proto`, `target`, with `addresses: 'all'` also `ip`, and those of the script): `mconnect_connects`, `mconnect_connect_failed`
 * (tag `error` = class, where failed), `mconnect_connect_duration`, `mconnect_reply_failed` (likewise), `mconnect_reply_duration` (tag `host`), `mconnect_rtt`,
 * `mconnect_syn_retransmits`, `mconnect_replies` (tag `host`), `mconnect_failures` (tags `error`, `phase`), `data_sent`, `data_received`.
 * With all targets in the tag `target`: `mconnect_verdicts` and `mconnect_verdict_failed` (tags `verdict`, `call`),
 * `mconnect_replies_due` (tag `host`), `mconnect_balance_max_share`, `mconnect_balance_p_value`, `mconnect_balance_cv`,
 * `mconnect_balance_jain`, and `mconnect_affinity_share` where the result tells the affinity: these gauges keep the worst so far. Of all calls of the process, even under the tags of this one, the states:
 * `mconnect_not_initiated`, `mconnect_dialing`, `mconnect_established`, `mconnect_completed`, `mconnect_closed`, `mconnect_error`, and
 * `mconnect_established_max`.
 */
export function flood(target: Target | Target[], options?: FloodOptions): Promise<FloodResult>;

/**
 * How a load balancer chooses a backend for a flow, which decides how many flows a change of the backends has to move.
 *
 * - `maglev`: stateless consistent hashing, as Cilium, Katran and IPVS's `mh` do: the flows of those removed, and those that
 *   the added ones claim; k of N backends: k/N
 * - `ecmp`: hash-threshold (RFC 2992), as Linux's multipath routes and many routers: by the position in `backends`, for one of many
 *   a half at the edge and a quarter in the middle
 * - `resilient`: hash buckets that keep their backend, as Linux's resilient nexthop groups: only what is needed to have
 *   everybody's share right again
 * - `stateful`: connection tracking, as kube-proxy and IPVS: the flows of those removed
 */
export type DisruptionModel = 'maglev' | 'ecmp' | 'resilient' | 'stateful';

/** What must hold in a disruption(). */
export interface DisruptionExpect {
  /**
   * The largest share of flows beyond the ideal that may move, 0 to 1; three standard deviations of the ideal are added, since a sample of flows is no more
   * exact. Default 0.05. `false` leaves the verdict out.
   */
  moved?: number | boolean;
}

/** Backends go by the names they answer with. */
export interface DisruptionOptions {
  model: DisruptionModel;
  /**
   * All backends, removed and added ones too; for `'ecmp'` in the order of the next hops. Default: those that have answered, and those that
   * were added; `'ecmp'` has none.
   */
  backends?: string[];
  /** Those that left. Default: none if `added` is given, else those that answered before and not after. */
  removed?: string | string[];
  /** Those that came. Default: none if `removed` is given, else those that answered after and not before. */
  added?: string | string[];
  /** What backends are due in relation to each other, as in {@link FloodOptions.weights}. Default: all the same. */
  weights?: Record<string, number>;
  /** What must hold besides the defaults. */
  expect?: DisruptionExpect;
  /** Added to the tags of the metrics. */
  tags?: Record<string, string | number | boolean>;
}

/** What a change of the backends did to flows. moved = inevitable + claimed + needless. */
export interface Disruption {
  model: DisruptionModel;
  /** All backends, before and after the change, in order. */
  backends: string[];
  removed: string[];
  added: string[];
  /** 5-tuples that were answered both before and after. The counts up to `stale` are of these. */
  flows: number;
  /** Another host answered afterwards. */
  moved: number;
  /** moved / flows. */
  moved_share: number;
  /** The part of the flows that the model expects to move, 0 to 1. */
  ideal_share: number;
  /** moved_share - ideal_share. Above 0, the load balancer is worse than its model. */
  excess: number;
  /** Moved because their host was removed. */
  inevitable: number;
  /** Moved from a host that stayed to one that was added. */
  claimed: number;
  /** Moved from a host that stayed to one that was there before: what consistent hashing and connection tracking avoid. */
  needless: number;
  /** Answered afterwards by a host that was removed. */
  stale: number;
  /** Answered before, not after. */
  lost: number;
  /** Answered after, not before. */
  found: number;
  /** Moved flows by the host that answered before. */
  from: Record<string, number>;
  /** Moved flows by the host that answered after. */
  to: Record<string, number>;
}

/** What disruption() returns. */
export type DisruptionVerdict = Disruption & Judged;

/**
 * Compares two floods of the same 5-tuples, made with `flows: true` before and after a change of the backends: how many moved to
 * another host, and how many had to? Floods of one iteration with the same target, `source`, `sourcePorts` and `connections`
 * have the same 5-tuples, and so have one of `setup()` and one of the first iteration (of several scenarios: of the one whose name is first).
 * A 5-tuple that was dialed more than once counts once, as its last connection was answered. docs/verdicts.md has the formulas and their sources.
 *
 * The verdict `moved` fails if more flows moved than the model expects, by more than {@link DisruptionExpect.moved}; if a removed host still
 * answers; if a flow is no longer answered; if an added host gets nothing though 10 flows or more were due to it (not with `'stateful'`); if a host
 * answers that `backends` lacks; or if the floods have no 5-tuple in common.
 *
 * Throws a TypeError if an option is wrong, or if the floods are of different protocols.
 *
 * Metrics, where it is called in a VU's function or setup() (tag `model`): `mconnect_verdicts`, `mconnect_verdict_failed` (tags `verdict`, `call`),
 * `mconnect_disruption_flows` (Counter), `mconnect_disruption_moved_share`, `mconnect_disruption_excess`, `mconnect_disruption_lost` (Gauges).
 * A gauge keeps its last value only, and one that nobody has set passes any threshold.
 */
export function disruption(before: Pick<FloodResult, 'flows'>, after: Pick<FloodResult, 'flows'>, options: DisruptionOptions): DisruptionVerdict;

export interface ChangeOptions {
  /** The hosts that are affected, by the names they answer with. Default: all, also connections whose host is unknown. */
  hosts?: string | string[];
  /** How long losses are excused, from now. Default `'10s'`. */
  within?: Duration;
}

/**
 * Announces to all calls of this k6 process that the backends change now. Connections of the `hosts` that are lost `within` this time are
 * *excused* in the results of hold() and traffic(); every other loss is *needless* and fails the verdict `kept`. Any VU may
 * announce a change. Announce it before the operation: a loss before the announcement is needless. The times of several changes add up. A connection
 * counts as lost at its FIN or RST, one that falls silent at its last echo. A change excuses no new connection that fails.
 *
 * `text` says what happens, in 1 to 1,000 bytes: `change('restart of web-1', { hosts: 'web-1' })`. Results list the changes that they have felt.
 *
 * Programs outside k6 announce changes with `POST /change?text=…&hosts=web-1,web-2&within=10s` to `listen({ http })`. Their samples are made by
 * the next call that ends, or within a second by one that runs.
 *
 * Metrics: `mconnect_changes` (Counter, tags `change`, which is the text, and `hosts` where given; at most 1,000 different, then `(other)`).
 *
 * Throws a TypeError if an argument is wrong.
 */
export function change(text: string, options?: ChangeOptions): void;

/** A change that a call has felt. */
export interface Change {
  text: string;
  /** When it was announced, in milliseconds since the call's start; below 0 if that was before. */
  time: number;
  /** How long losses are excused, in milliseconds. */
  within: number;
  /** Empty if it affects all. */
  hosts: string[];
}

/** A time in which connections were down. Losses whose connections were down at the same time, or within 100 ms of each other, are one outage. */
export interface Outage {
  /** In milliseconds since the start. */
  from: number;
  /** When all of its connections had an echo again; null if that did not happen before the end. Nothing comes up again in hold(), and in traffic() with `reconnect: false`: there it is
   * always null, and an outage is what was lost within 100 ms of each other. */
  to: number | null;
  /** Connections that were lost. */
  connections: number;
  /** Whose connections were lost; at most 1,000. */
  hosts: string[];
}

/** Which established connections ended before their time, and which of these losses announced changes excuse; see {@link change}. */
export interface Losses {
  /** Losses that no change excuses. A UDP flow that another host goes on to answer is one, too. */
  needless: number;
  excused: number;
  needless_by_host: Record<string, number>;
  /** Connections that the peer closed with a FIN, and those that it reset. */
  closed_by: { fin: number; rst: number };
  outages: Outage[];
  changes: Change[];
}

export interface HoldOptions extends CallOptions {
  /**
   * Closes all connections so long after the start, and makes the iteration last until then. Default: they are open until
   * `close()`, or until the iteration ends.
   */
  duration?: Duration;
  /**
   * Interval in which each connection is sent `payload` and must answer. A connection that does not answer within `keepaliveTimeout`
   * is dead: an error of class `no_reply`. UDP needs a keepalive. Default: nothing is sent.
   */
  keepalive?: Duration;
  /** How long a keepalive may be without an answer. Needs `keepalive`. Default: `keepalive`. */
  keepaliveTimeout?: Duration;
  /** What `keepalive` sends, 1 to 65,507 bytes. Needs `keepalive`. Default `'Hello'`. */
  payload?: Bytes;
  /**
   * What counts as an answer to a keepalive. Needs `keepalive`. An answer that does not match ends the connection: an error of class `bad_reply`.
   * Default: anything. Of a peer that sends data all the time by itself, whatever comes next is taken for its answer then: give a reply that only an answer has.
   */
  reply?: Reply;
  /** What must hold besides the defaults. */
  expect?: HoldExpect;
}

/** What has become of held connections. connects = established_total + failed_connects + states.not_initiated. */
export interface HoldResult extends Judged, Losses {
  /** Connections asked for. */
  connects: number;
  failed_connects: number;
  /** Connections that were established at some time. */
  established_total: number;
  /** Most that were established at once. */
  established_max: number;
  /** How many were established when they were closed from here; until then, how many are now. */
  established_at_close: number;
  /** Connections by the host that told its name on them, by itself or in the answer to a keepalive. Names as in FloodResult.hosts. */
  hosts: Record<string, number>;
  /** Hosts of `expect.hosts` that told no name. */
  missing: string[];
  /** With `expect.hosts`: connections to hosts that are not in it, or have weight 0 there. */
  unexpected: Record<string, number>;
  /** On connections that have ended; what those that are open have received is added when they end. */
  bytes_received: number;
  /** `completed`: closed from here. `closed`: closed or reset by the peer. */
  states: States;
  errors: Partial<Record<ErrorClass, number>>;
  first_errors: Partial<Record<ErrorClass, string>>;
  /** From the planned instant until established. */
  connect_time: Summary;
  /** From the planned instant until the failure. */
  error_time: Summary;
  rtt: Summary;
  /** Of the connections that the peer closed: from established to closed. */
  lifetime: Summary;
  /** From a keepalive to its answer. */
  echo_time: Summary;
  syn_retransmits: number;
  /** When name resolution was done. RFC 3339, with nanoseconds. */
  start_time: string;
  /** Time limit for opening them, in milliseconds, counted from `start_time` as {@link FloodResult.timeout} is. */
  timeout: number;
  /** From `start_time`, in milliseconds. */
  duration: number;
}

/** Connections that are kept open. */
export interface Held {
  /** How many are in each state now. Costs next to nothing, however many there are. */
  states(): States;
  /**
   * What has become of them so far; up to a tenth of a second behind `states()`. Until the connections are closed, there are no verdicts, and
   * no loss is judged. Goes through the figures of all connections, while the VU waits: to look every second, take `states()`.
   */
  result(): HoldResult;
  /** Closes all, those that owe an answer to a keepalive once that has come or has failed to, and resolves when that is done. */
  close(): Promise<HoldResult>;
}

/**
 * Opens connections and keeps them. Resolves when each is established or has failed; `timeout` bounds that (default: as for
 * flood(), plus `connectTimeout`). What peers send is read and counted. A peer that closes or resets a connection is
 * noticed at once (state `closed`). The connections end with `close()`, after `duration`, or with the iteration, and are judged then.
 *
 * Verdicts: `complete`, `connected`, `prompt` (not over UDP), `kept`; with {@link HoldExpect} `hosts`.
 *
 * Metrics: those of connecting, as for flood(); `mconnect_echo_duration` (Trend, of about 1,000 answers a second at most) with
 * `keepalive`, and `mconnect_flows_moved` (Counter, over UDP); `mconnect_failures` (tags `error`, `phase`, and `host` where known), `mconnect_connections_lost` and `mconnect_needless_losses` (tags `host`, `error`); and the state
 * gauges, of which `mconnect_established_max` and `mconnect_closed` are made for thresholds.
 */
export function hold(target: Target | Target[], options?: HoldOptions): Promise<Held>;

export interface TrafficOptions extends Omit<CallOptions, 'rate'> {
  /** How long packets are sent. Default `'10s'`. Packets that are on their way then may still come back. */
  duration?: Duration;
  /** KB/s (1024 bytes) of all connections together. Default 0: each packet is sent as soon as the last one has come back. */
  rate?: number;
  /**
   * The size of packets in bytes, 64 to 1,048,576; UDP 72 to 65,507. A list of 1 to 100 sizes takes turns; the first packet of each connection has the smallest
   * of them, so that its backend is known before a large packet gets lost. Default 1024.
   */
  packetSize?: number | number[];
  /** Compares each echo with what was sent; an echo that differs counts as `corrupted` and fails the verdict `intact`. Default `false`: echoes are counted only. */
  verify?: boolean;
  /**
   * At the end, shuts down the sending side of each connection: all echoes and the peer's FIN (over TLS its close_notify) must still come,
   * within `lossTimeout`, or the connection is lost. Not with UDP. Default `false`.
   */
  halfClose?: boolean;
  /** A connection that has waited so long for an echo is lost. Default `'1s'`. */
  lossTimeout?: Duration;
  /** Redials what is lost, or could not be established, after 100 ms to 1 s. Default `true`. */
  reconnect?: boolean;
  /** What must hold besides the defaults. */
  expect?: TrafficExpect;
  /** Bounds one attempt to connect. Default `'1500ms'`. */
  connectTimeout?: Duration;
  /** Bounds the whole call. Default: `duration` plus `lossTimeout` plus 1 s. */
  timeout?: Duration;
}

/** What happened in one second, or in the last part of one. */
export interface TrafficSample {
  /** The second's end, in milliseconds since the start. */
  time: number;
  /** Connections that are established at its end. */
  active: number;
  /** Connections that are being dialed, or wait to be, at its end. */
  connecting: number;
  /** Connections established during it. */
  new: number;
  /** Connections lost during it. */
  lost: number;
  /** Packets. */
  sent: number;
  received: number;
  dropped: number;
}

/** The life of one connection. Times are in milliseconds since the start. A connection that is redialed is a new record. */
export interface TrafficRecord {
  /** When it was first dialed. */
  started: number;
  /** 0 if it was never established. */
  connected: number;
  /** When the first echo came; 0 if none has. */
  answered: number;
  ended: number;
  /** Empty if it lasted to the end. */
  error: ErrorClass | '';
  /** Packets. */
  sent: number;
  received: number;
  dropped: number;
  /** TCP segments that the kernel sent again (Linux). */
  retransmits: number;
  local: string;
  remote: string;
  /** Who answered last; empty if nobody has told a name. */
  host: string;
}

/** A number of durations, from `from` (included) to `to`, in milliseconds. */
export interface Bucket {
  from: number;
  to: number;
  count: number;
}

/** What has become of the packets of one size. */
export interface SizeCount {
  /** Bytes. */
  size: number;
  sent: number;
  received: number;
}

/** If all connections could be established, connections + reconnects = lost + lasting. The samples add up to the totals. */
export interface TrafficResult extends Judged, Losses {
  network: Network;
  targets: Target[];
  /** KB/s that were asked for. */
  rate: number;
  /** Bytes; of several sizes the first. */
  packet_size: number;
  /** Packets by size, in the order of `packetSize`. Small ones that come back and large ones that never do are a hole in the path's MTU. */
  by_size: SizeCount[];
  /** Connections asked for at once. */
  connections: number;
  /** Connections that died under traffic. */
  lost: number;
  /** Connections that were alive at the end. */
  lasting: number;
  /** Connections that were established in place of lost ones. */
  reconnects: number;
  failed_connects: number;
  /** UDP flows that another host than before went on to answer. */
  moved: number;
  /** Packets. */
  sent: number;
  /** Packets that came back. */
  received: number;
  /** With `verify`: packets that came back with other bytes than were sent. */
  corrupted: number;
  /** The same by host. */
  corrupted_by_host: Record<string, number>;
  /** Packets that were not sent in their slot, since the last echo was late. */
  dropped: number;
  /** TCP segments that the kernel sent again (Linux). */
  retransmits: number;
  /** Names as in FloodResult.hosts; `(unknown)` stands for servers that had not told theirs. */
  lost_by_host: Record<string, number>;
  lasting_by_host: Record<string, number>;
  /** Of packets, from the instant when each was due until its echo was complete. */
  round_trip: Summary;
  /** The same as a histogram, with four buckets for each doubling. */
  round_trips: Bucket[];
  /** Why connects failed and connections were lost. */
  errors: Partial<Record<ErrorClass, number>>;
  first_errors: Partial<Record<ErrorClass, string>>;
  /** When the first and the last connection was lost, in milliseconds since the start; null if none was. */
  first_loss: number | null;
  last_loss: number | null;
  /**
   * When all connections were up again, and each had got an echo, in milliseconds since the start; null if none was lost, or not all were
   * up at the end, or one that was made after the first loss has had no packet to send. `outages` tells each outage by itself.
   */
  recovered: number | null;
  /** One for each second. */
  samples: TrafficSample[];
  /** The first 100,000 connections to end. JavaScript gets them when a script first looks at them, which takes about 10 ms per 1,000. */
  records: TrafficRecord[];
  /** How many more records there were, beyond the 100,000 that are kept. */
  records_omitted: number;
  /** Of all connections dialed, again and again: lasting ones are `completed`, lost ones `error`. */
  states: States;
  connect_time: Summary;
  error_time: Summary;
  rtt: Summary;
  syn_retransmits: number;
  /** When name resolution was done. */
  start_time: string;
  /** In milliseconds, counted from `start_time` as {@link FloodResult.timeout} is. */
  timeout: number;
  /** From `start_time`, in milliseconds. */
  duration: number;
}

/**
 * Keeps connections up, sends packets on them for `duration`, and waits for their echoes: against `mconnect-server -echo`, ctraffic's server,
 * or anything else that echoes. Each connection has slots for its packets, spread evenly, and one packet on its way: a slot that comes while
 * the echo is late counts as dropped, and without an echo for `lossTimeout` the connection is lost. UDP sends in every slot.
 * Backends can be changed meanwhile; announce it with {@link change}, so that only needless losses fail: `await Promise.all([traffic(…), restart()])`.
 *
 * Verdicts: `complete`, `connected`, `kept`, `recovered`; with `verify` also `intact`; with {@link TrafficExpect} `loss` and `recovery`.
 *
 * Metrics: those of connecting, as for flood(); `mconnect_packets_sent`, `mconnect_packets_received`, `mconnect_packets_dropped`, `mconnect_packets_lost`,
 * `mconnect_reconnects`, `mconnect_retransmits`, `mconnect_flows_moved`, `mconnect_connections_lost` and `mconnect_needless_losses` (tags
 * `host`, `error`), `mconnect_failures` (tags `error`, `phase`, and `host` where known) (Counters), `mconnect_round_trip` (Trend, of at most 10,000 packets a
 * second), `mconnect_recovery_duration` (Trend, one value for each outage that has ended), `data_sent`, `data_received`.
 */
export function traffic(target: Target | Target[], options?: TrafficOptions): Promise<TrafficResult>;

export interface CapacityOptions extends Omit<CallOptions, 'connections'> {
  /** The most connections to hold. Default: what this process has file descriptors for. */
  connections?: number;
  /** Connections opened at first before their fate is looked at; each step is twice as large, up to ten times this. Default 100. */
  step?: number;
  /** How long each connection is watched: one that is not closed by then is held. Default `'500ms'`. */
  patience?: Duration;
  /** Most connections in flight at once; few, so that the last connection that fits is told from the first that does not. Default 8. */
  concurrency?: number;
  /** Bounds each connection: the time until it is established. Default `'3s'`. */
  connectTimeout?: Duration;
  /** Bounds the whole call; what was found by then is a lower bound. Default: long enough for `connections`. */
  timeout?: Duration;
  /**
   * If set, each connection is sent this after `patience`, in which the target may greet, and must answer to count as served: within
   * `patience`, or, as long as other connections still get answers, later. Over TCP and TLS, those that have answered are sent it once more at the end, the last ones
   * first, and count only if they answer again, unless none of the last ones does: then the service takes it only once. Needed with UDP. 1 to 65,507 bytes.
   */
  payload?: Bytes;
  /** What counts as an answer to `payload`, which it needs. Default: anything. */
  reply?: Reply;
  /** What must hold besides the defaults. */
  expect?: CapacityExpect;
}

/**
 * What kept a target from holding more.
 *
 * - `none`: nothing did; all were held
 * - `application`: it closes connections when there are more, such as at a maximum number of connections; closes that come later than
 *   `patience` let more seem to fit than do, which the explanation tells
 * - `not_accepted`: its kernel takes further connections, the application does not serve them, or, over TLS, does not shake hands: out of
 *   descriptors or threads
 * - `accept_queue`: SYNs are no longer answered, and not all established connections are served, or that can't be told: the queue of
 *   connections to accept is full
 * - `path`: SYNs, or further flows over UDP, are no longer answered, although all connections before them are served: they vanish on the way, where a connection table,
 *   the ports for address translation, or a firewall's limit are used up
 * - `intermittent`: connects fail, or connections are closed or not served, but later ones get through: new connections a second are limited, packets are lost by chance, one 5-tuple in n
 *   leads nowhere, or one backend of several does not serve
 * - `refused`, `unreachable`: further connects are refused, or fail otherwise; over UDP, nobody answers
 * - `local_fds`, `local_ports`: this process has no descriptors, this host no source ports left
 * - `forgotten`: connections that had answered `payload` did not when they were asked once more at the end, while the last ones did: a connection table on the
 *   way drops the oldest for new ones, or those that are silent for seconds
 * - `time`: the call's `timeout` came first
 */
export type CapacityLimit =
  | 'none' | 'application' | 'not_accepted' | 'accept_queue' | 'path' | 'intermittent' | 'refused' | 'unreachable' | 'local_fds' | 'local_ports' | 'forgotten' | 'time';

export interface CapacityResult extends Judged {
  /** Held at once; of a target that greets, those that were greeted, and with `payload` those that answered. */
  connections: number;
  limit: CapacityLimit;
  /** The target may hold more: what stopped the search was not the target's limit. */
  lower_bound: boolean;
  /** The limit in words: what happened, the likeliest cause, and what to do about it. */
  explanation: string;
  /** Connections of the last step. Once a limit is found, no more than were begun by then. */
  asked: number;
  /** Connections of the last step that were begun; fewer than `asked` if the time was up first. */
  begun: number;
  /** Connections that were begun, in all steps. */
  attempted: number;
  /** Connections that were not begun any more: a limit was found, or the time was up. */
  not_initiated: number;
  /** Connections that were never established. */
  failed_connects: number;
  /** Closed by the target. */
  closed: number;
  /** Established, but without the bytes that others got, without an answer to `payload`, or to the second one at the end, or without one to the TLS handshake. */
  unserved: number;
  errors: Partial<Record<ErrorClass, number>>;
  first_errors: Partial<Record<ErrorClass, string>>;
  syn_retransmits: number;
  /** When name resolution was done. */
  start_time: string;
  /** From `start_time`, in milliseconds. */
  duration: number;
}

/**
 * Finds out how many connections the target holds, and what stops it: opens them step by step, and keeps them, until some
 * fail, are closed, or are not served. A target that greets by itself, as mconnect's server does, must greet every
 * connection (it does if one of the first step is greeted); of one that waits for the client, `payload` asks for an answer. Without either, connections that wait in the
 * target's accept queue count as held. Once as many connects as run at once have failed slowly, the step ends, and up to 16 more are tried
 * if it is unclear whether later ones get through. Closes all before it resolves.
 *
 * Verdicts: `complete`, `capacity`.
 *
 * Metrics (tags `proto`, `target`): `mconnect_capacity` (Gauge, with all targets in `target`), `mconnect_verdicts`, `mconnect_verdict_failed` (likewise, tags `verdict`, `call`),
 * `data_sent`, `data_received`. Connects that fail are what it looks for, so the metrics of connecting and of failures have no samples of it. Its connections appear only in the state gauges.
 */
export function capacity(target: Target | Target[], options?: CapacityOptions): Promise<CapacityResult>;

export interface IdleOptions extends Omit<CallOptions, 'connections'> {
  /** How many connections are silent at the same time, 1 to 1,000. More of them make the search shorter. Default 20. */
  connections?: number;
  /** The shortest silence that is tried. Default `'1s'`. */
  from?: Duration;
  /** The longest silence that is tried. Default `'1h'`. */
  to?: Duration;
  /** How closely the timeout is to be known: `at_most` - `at_least`. Default: 5 % of the result. */
  precision?: Duration;
  /** What a connection is used with. Default: 64 bytes of NULs, which echo servers return, and mconnect-server answers with its name. */
  payload?: string | ArrayBuffer | Uint8Array;
  /** What counts as an answer. Default: anything. */
  reply?: Reply;
  /**
   * Bounds the first answer on each connection (default `'5s'`) and, if it is given, those after a silence. Otherwise these have ten times as long as
   * the slowest answer took, and a second more.
   */
  connectTimeout?: Duration;
  /**
   * Bounds the whole call. Default: four times `to` (more with few connections), `expect.timeout` and a minute; the search takes about half of that.
   * k6 bounds iterations, too: give the scenario a `maxDuration` above it.
   */
  timeout?: Duration;
  /** `timeout`: one of the connections is silent for exactly so long, and should be well; see `expected` in the result. */
  expect?: IdleExpect;
}

/**
 * What becomes of a connection that is silent for too long.
 *
 * - `fin`: it is closed, by itself or when it is used again
 * - `rst`: it is reset, by itself or when it is used again; over UDP, an ICMP error tells that nobody listens
 * - `silent`: what is sent on it is swallowed; over UDP also: another host answers, or the answer tells another source, so the flow was made anew
 * - `none`: it is alive after `to`
 * - `''`: the search has not come so far
 */
export type IdleHow = 'fin' | 'rst' | 'silent' | 'none' | '';

export interface IdleResult extends Judged {
  /** The middle of `at_least` and `at_most`, in milliseconds; null if no silence was too long, or nothing was found out. */
  timeout: number | null;
  how: IdleHow;
  /** Connections that were silent for so long were well; with `none` that is `to`. 0 if nothing was found out. */
  at_least: number;
  /**
   * Connections that were silent for so long were not; null if there are none. Of connections that end by themselves, `at_least` and `at_most` are the first
   * and the last time at which they did, which is exact.
   */
  at_most: number | null;
  /** The timeout is known as closely as was asked for, or that there is none up to `to`. */
  finished: boolean;
  /** How many were silent at the same time. */
  connections: number;
  /** Connections that were begun, those in place of others included. */
  dialed: number;
  /** The connection that was used at once: if it was not answered, the service never answers, and its silence says nothing. */
  control: {
    answered: boolean;
    /** Until the answer. */
    time: number;
    /** Who has answered, where it tells its name. */
    host: string;
    /** Why it was not answered; `''` if it was, or if none was established. */
    error: ErrorClass | '';
    /** The same in words, with what can be done. */
    message: string;
  };
  /** With `expect.timeout`: what became of the connection that was silent for exactly so long. */
  expected?: {
    /** That was asked for. */
    silence: number;
    /** That it was silent; 0 if it did not come to that, since less was too long already. */
    measured: number;
    /** `'none'` if it was well. */
    how: IdleHow;
  };
  failed_connects: number;
  /** Of all connections that were begun: `closed` are those that ended with a FIN or RST after a silence, `completed` those that were closed from here. */
  states: States;
  /** Of connections that could not be established, were not answered at all, or were swallowed after a silence. */
  errors: Partial<Record<ErrorClass, number>>;
  first_errors: Partial<Record<ErrorClass, string>>;
  connect_time: Summary;
  /** Of all answers. */
  reply_time: Summary;
  error_time: Summary;
  rtt: Summary;
  syn_retransmits: number;
  /** When the names had been looked up. */
  start_time: string;
  /** In milliseconds, from `start_time` on. */
  time_limit: number;
  /** From `start_time`, in milliseconds. */
  duration: number;
}

/** What idle() is expected to find. */
export interface IdleExpect {
  /** A connection that was silent for exactly so long must still answer (verdict `idle`). */
  timeout?: Duration;
  /** Of the connections asked for, those that must have been begun. Default 1. */
  complete?: Share;
  /** The connection that is used at once must answer; `false` leaves the verdict out. Default 1. */
  answered?: Share;
  /** `false` leaves out the verdict on the silent connection. */
  idle?: boolean;
}

/**
 * How long may a connection be silent before something on the way (a firewall, NAT, a load balancer), or the target, forgets it? Uses each of its
 * connections at once, leaves it silent for a time of its own, uses it again, and narrows down from what comes of that. Connections that answer are left
 * silent again; over UDP each silence has a flow of its own, since connection tracking gives flows that go on a longer time. A single lost
 * answer, or a single connection that ends for another reason, is not taken for the timeout.
 *
 * Verdicts: `complete`, `answered`; with {@link IdleExpect.timeout} also `idle`, which else is told only where it fails: some connections were forgotten after silences that others have survived.
 *
 * Metrics (tags `proto`, `target`): `mconnect_idle_timeout` (Gauge; the least so far; if nothing was forgotten it is the longest silence, without a result it has no sample),
 * `mconnect_verdicts` and `mconnect_verdict_failed` (tags `verdict`, `call`), `data_sent`, `data_received`; of all calls of the process, the states:
 * `mconnect_not_initiated`, `mconnect_dialing`, `mconnect_established`, `mconnect_completed`, `mconnect_closed`, `mconnect_error`, `mconnect_established_max`.
 * Connections that fail are what it looks for, so none of the metrics of connecting has samples of it.
 */
export function idle(target: Target | Target[], options?: IdleOptions): Promise<IdleResult>;

/** Options that ping() and tcpPing() share. */
export interface PingingOptions {
  /** `'all'` pings each address of the name, one after the other, with the tag `ip`. Default `'one'`. */
  addresses?: 'one' | 'all';
  /**
   * Bounds the whole ping, name resolution included. Default `'10s'` for ping(), `'5s'` for tcpPing(), which reserves a tenth of it for the connect,
   * however long name resolution takes.
   */
  timeout?: Duration;
  /**
   * The local address, of the target's version of IP. If there are several, in the grammar of {@link CallOptions.source}, each iteration uses the
   * next one. Default: k6's `localIPs`, else the operating system's choice.
   */
  source?: string | string[];
  /** What must hold besides the defaults. */
  expect?: Pick<PingExpect, 'connected'>;
  /** Where this ping comes from, for the tag `from` and {@link format}; without control characters. Default: this host's name. */
  from?: string;
  /**
   * Where it goes, for the tag `to`. Default: the location that the peer tells, else its host. Set it for thresholds by pair, since a ping
   * that fails learns no location. Without control characters.
   */
  to?: string;
  /** Added to the tags of the metrics. */
  tags?: Record<string, string | number | boolean>;
}

export interface PingOptions extends Omit<PingingOptions, 'expect'> {
  /** What must hold besides the defaults. */
  expect?: PingExpect;
  /** The method of the request. Default `'GET'`. */
  method?: string;
  /**
   * Headers that are sent with the request. `Host` replaces the URL's host in the request, though not in TLS. `Connection` is `close` in any case but an
   * upgrade, and the request has no body, so there can't be a `Content-Length`.
   */
  headers?: Record<string, string>;
  /** Connects to this address in place of what the URL's host resolves to; the Host header and the TLS server name stay. */
  ip?: string;
}

/** The part of a ping in which it failed. */
export type PingPhase = 'dns' | 'connect' | 'tls' | 'first_byte' | 'last_byte';

/**
 * One ping. Besides these fields the result has `ok` and `verdicts`; see {@link Judged}. Times are in milliseconds and contiguous: total = connect + tls + first_byte + last_byte, without dns. The phase in which a
 * ping fails lasts until the failure, later ones are 0.
 */
export interface PingResult {
  /** RFC 3339 with nanoseconds. */
  start_time: string;
  from: string;
  to: string;
  /** As it was given, with `xxxxx` for a password. */
  url: string;
  /** Look-up of the name, with k6's resolver and its cache (option `dns`); 0 if the host is an address. */
  dns: number;
  /** TCP handshake. */
  connect: number;
  /** TLS handshake; 0 for http. */
  tls: number;
  /** From there until the first byte of the answer; a 1xx before it, such as 103 Early Hints, does not count. */
  first_byte: number;
  /** From there until the last byte of the answer. */
  last_byte: number;
  total: number;
  /** HTTP status; 0 if there was no answer. Of an answer that stops half-way what it began with, such as 200: `failed` tells. */
  status: number;
  /** Of the answer's body, in bytes as they were sent. */
  size: number;
  /** `'address:port'`; `''` if the name did not resolve. */
  remote_addr: string;
  /** Where the peer says it is, as mconnect-server, pingmesh and perftest do; `''` if it does not. */
  location: string;
  /** There was no whole answer, or its status is 305 or more, as pingmesh counts. */
  failed: boolean;
  /** Why there was no whole answer. */
  error?: ErrorClass;
  /** The same in words, with what can be done. */
  error_message?: string;
  failed_in?: PingPhase;
  /** With `addresses: 'all'`: the result of each address. The other fields are those of the first that failed, else of the first. */
  addresses?: PingResult[];
}

/**
 * Makes one HTTP or HTTPS request (HTTP/1.1) on a connection of its own, and times its phases as perftest does. Redirects are not followed,
 * proxies not used, TLS sessions not resumed. k6's TLS options, `hosts`, `dns`, `blacklistIPs` and `blockHostnames` apply. A ping that
 * fails is a result, too; only wrong options reject. At most 64 MiB of the answer are read.
 *
 * The URL is read as browsers read it: spaces and letters of other alphabets in path and query are percent-encoded, the host becomes the one
 * that DNS has (`xn--…`), and the result's `url` is what was asked for. Control characters in URL, method and headers are wrong options.
 *
 * Verdicts: `connected`; if that holds, `answered`: there was a whole answer, with a status below 305. Their metrics have no tag `status`.
 *
 * Metrics (tags `from`, `to`, `url`, `status`): `mconnect_verdicts`, `mconnect_verdict_failed` (tags `verdict`, `call`), `mconnect_pings` (Counter), `mconnect_ping_dns`, `mconnect_ping_connect`, `mconnect_ping_tls`, `mconnect_ping_first_byte`,
 * `mconnect_ping_last_byte`, `mconnect_ping_total` (Trends; each phase that took place and ended, the total of whole answers) and
 * `mconnect_ping_failed` (Rate, tag `error` = class). At most 1,000 different locations become tags, the rest is `(other)`. The tag `status`
 * is 0 without a whole answer.
 */
export function ping(url: string, options?: PingOptions): Promise<PingResult & Judged>;

/**
 * The line that perftest and pingmesh print for a ping: epoch seconds, DNS, TCP, TLS, first byte, last byte, total (milliseconds), HTTP
 * status (500 if there was no whole answer), size, from, remote address, URL, with tabs between; control characters become spaces. Throws if
 * it is not given a result of ping().
 */
export function format(result: PingResult): string;

/** One TCP ping. Besides these fields the result has `ok` and `verdicts`; see {@link Judged}. Times are in milliseconds. */
export interface TCPPingResult {
  /** RFC 3339 with nanoseconds. */
  start_time: string;
  from: string;
  to: string;
  /** Look-up of the name, with k6's resolver; 0 if the host is an address. */
  dns: number;
  /** TCP handshake, or the time until it failed. */
  connect: number;
  /** The kernel's measure of the handshake's round trip; Linux, else 0. */
  rtt: number;
  /** SYNs that had to be sent again; Linux. */
  syn_retransmits: number;
  /** `'address:port'`; `''` if the name did not resolve. */
  remote_addr: string;
  failed: boolean;
  error?: ErrorClass;
  /** Why it failed in words, with what can be done. */
  error_message?: string;
  /** With `addresses: 'all'`: the result of each address. The other fields are those of the first that failed, else of the first. */
  addresses?: TCPPingResult[];
}

/**
 * Connects and closes: the connect time alone, for peers that speak no HTTP.
 *
 * Verdict: `connected`.
 *
 * Metrics (tags `from`, `to`, `url` = `tcp://target`): `mconnect_verdicts`, `mconnect_verdict_failed` (tags `verdict`, `call`), `mconnect_pings`, `mconnect_ping_dns`, `mconnect_ping_connect`, `mconnect_ping_failed` (tag
 * `error` = class).
 */
export function tcpPing(target: Target, options?: PingingOptions): Promise<TCPPingResult & Judged>;

export interface SocketsOptions {
  /** Sockets with this local port. */
  port?: number;
  /** Sockets of this process. */
  pid?: number;
  /** Sockets whose other end that is: `'10.0.0.1:80'`, `'[2001:db8::1]:80'`, `'10.0.0.1'` or `':80'`. */
  peer?: string;
  /**
   * `'http://host:port'`: the sockets of the host on which `mconnect-server -http` listens there, narrowed down by `port`, `pid` and `peer`.
   * Anything else is taken for `peer`.
   */
  remote?: string;
  /**
   * The most sockets that states may have, such as `{close_wait: 0, within: '10s'}`: the table is looked at again, every 200 ms, until it is as
   * expected or that time is up. It also fails if no socket has the given `port`, not even one that listens, as there is nothing to look at then, unless `peer` is
   * given, or `listen` or `total` expected. Default: nothing is expected, and there is no verdict.
   */
  expect?: SocketsExpect;
  /** Added to the tags of the metrics. */
  tags?: Record<string, string | number | boolean>;
}

/** The most sockets in each state, and how long to wait for that. */
export interface SocketsExpect {
  /** How long to wait for the table to be as expected. Default: not at all. */
  within?: Duration;
  /** The most sockets in state ESTABLISHED. */
  established?: number;
  /** The most sockets in state SYN-SENT. */
  syn_sent?: number;
  /** The most sockets in state SYN-RECEIVED. */
  syn_recv?: number;
  /** The most sockets in state FIN-WAIT-1. */
  fin_wait1?: number;
  /** The most sockets in state FIN-WAIT-2. */
  fin_wait2?: number;
  /** The most sockets in state TIME-WAIT. */
  time_wait?: number;
  /** The most sockets in state CLOSED. */
  close?: number;
  /** The most sockets in state CLOSE-WAIT. */
  close_wait?: number;
  /** The most sockets in state LAST-ACK. */
  last_ack?: number;
  /** The most sockets in state LISTEN. */
  listen?: number;
  /** The most sockets in state CLOSING. */
  closing?: number;
  /** The most sockets in all states together. */
  total?: number;
}

/** TCP sockets by state (RFC 9293). */
export interface SocketTable {
  established: number;
  syn_sent: number;
  syn_recv: number;
  fin_wait1: number;
  fin_wait2: number;
  time_wait: number;
  close: number;
  close_wait: number;
  last_ack: number;
  listen: number;
  closing: number;
  total: number;
  /** Connections that wait to be accepted, and how many may; sums over the sockets in listen. */
  accept_queue?: number;
  backlog?: number;
  /** Open file descriptors, and their limit, of the process asked for or the one that listens on the port, where that can be told. */
  fds?: number;
  fd_limit?: number;
}

/**
 * The socket table of this host (Linux, netlink sock_diag), or of one that runs `mconnect-server -http`. Without options,
 * all TCP sockets. Rejects if it can't be had, and says why.
 *
 * Verdict: with {@link SocketsOptions.expect} `sockets`.
 *
 * Metrics: `mconnect_verdicts`, `mconnect_verdict_failed` (tags `verdict`, `call`), `mconnect_sockets` (Gauge, tag `state`), `mconnect_fds`, `mconnect_fd_limit`, with the tags `port`, `pid`, `peer` and
 * `remote` where given.
 */
export function sockets(options?: SocketsOptions): Promise<SocketTable & Judged>;

export interface PreflightOptions {
  /** How many connections are open at once. Default 1. */
  connections?: number;
  /** Connects a second, if another machine answers them: how many processors does that take here? */
  rate?: number;
  /** Source addresses, as flood() takes them; up to 32 of them are tried, whether they belong to this host. Default: one of the system's choice. */
  source?: string | string[];
  /** Fixed source ports, as flood() takes them. Default: those that the system chooses. */
  sourcePorts?: string;
  /** How many different targets. Default 1. */
  targets?: number;
  /** What connections are made of (`packets`: Linux, root). Default `'sockets'`. */
  driver?: 'sockets' | 'packets';
}

export interface PreflightCheck {
  name: string;
  value: number;
  needed: number;
  ok: boolean;
  /** The command that raises the limit; or, of a missing thing that is not needed, what is used in its place. */
  fix: string;
}

/**
 * What this machine would limit in a test of that size: descriptors, sources that do not belong to it, ports, queues, conntrack, memory, processors. flood(), hold() and traffic() log each
 * limit that is too low, once per process. capacity() does not, since it looks for limits.
 */
export function preflight(options?: PreflightOptions): { ok: boolean; checks: PreflightCheck[] };

export interface ListenOptions {
  /** Where to listen, on the same port for TCP and UDP; port 0 lets the system choose. Default `'127.0.0.1:0'`. */
  address?: string;
  /** The name in the answers. Default: this host's name. */
  hostname?: string;
  /**
   * Echoes, as ctraffic's server does, instead of telling the host name: for `traffic()`. The first 64 bytes of a TCP stream come
   * back when all of them are there, their beginning overwritten with the host name, the rest byte for byte; datagrams
   * likewise. Default false.
   */
  echo?: boolean;
  /**
   * Where to serve HTTP as `mconnect-server -http` does, such as `'127.0.0.1:0'`: `/v1/ping` and `/v1/peers` of a mesh, whose peers programs
   * on this host can change, `/metrics`, `/sockets`, the slow listener, and `POST /change?text=…&hosts=…&within=…`, which announces a
   * {@link change} from outside. Its location is `hostname`. Default: nowhere.
   */
  http?: string;
  /** `'tcp'`, the default, and `'tls'`, which makes TCP speak TLS, answer UDP as well; `'udp'` is UDP alone, and TCP is refused. */
  network?: 'tcp' | 'udp' | 'tls';
  /** Certificate and key for TLS, as PEM text. Default: a self-signed certificate for this address and localhost, made for the occasion. */
  cert?: string;
  key?: string;
  /** Answers with the name, a tab, and the client's address and port as seen here: for `expect: {source: true}`. Not the echo. Default `false`. */
  tellSource?: boolean;
  /** Wants a PROXY header (version 1 or 2) at the beginning of each TCP connection, whose source is the one told. Default `false`. */
  proxyProtocol?: boolean;
  /** Connections beyond these are closed as soon as they are accepted. Default: what the descriptor limit allows. */
  maxConnections?: number;
  /** Closes connections on which nothing arrives for so long. Default 65 minutes. */
  idleTimeout?: Duration;
}

export interface Responder {
  /** `'host:port'`, a target for {@link flood}. */
  address: string;
  /** `'http://host:port'`, if option `http` was given. */
  http?: string;
  /**
   * Listens no more: the addresses are free when it returns. The promise resolves when all connections are closed, too, which takes
   * up to 5 s with TLS clients that do not read.
   */
  close(): Promise<void>;
}

/**
 * Starts the companion server's responder in this process: it answers every connect and every datagram with its host
 * name. Meant for demonstrations and self-tests. One started in `setup()` stays until the test ends, one of a VU's
 * function until its iteration does. Throws if an option is wrong or the address can't be had.
 */
export function listen(options?: ListenOptions): Responder;

/** Figures of all calls together, in nanoseconds. */
export interface Spread {
  /** How many durations there were. */
  count: number;
  min: number;
  avg: number;
  max: number;
  dev: number;
}

/** All calls of this k6 process that have ended, those of hold() and capacity() without answers, added up under the names and in the units of `mconnect -output json`. */
export interface Report {
  hosts: Record<string, number>;
  connects: number;
  failed_connects: number;
  failed_reads: number;
  /** RFC 3339 with nanoseconds: the start of the first call. */
  start_time: string;
  /** The longest time limit of a call, in nanoseconds. */
  timeout: number;
  /** From the first call's start to the last one's end, in nanoseconds. */
  duration: number;
  /** Number of calls. */
  calls: number;
  /** The states of all connections of the process, those of running calls included. */
  states: States;
  errors: Partial<Record<ErrorClass, number>>;
  first_errors: Partial<Record<ErrorClass, string>>;
  connect_time: Spread;
  reply_time: Spread;
  error_time: Spread;
  rtt: Spread;
  /** How `connect_time` is distributed, in nanoseconds. */
  connect_times: Bucket[];
  /** By the weights that all floods have in common, else against equal shares. */
  balance: Balance;
  syn_retransmits: number;
  /** The last 100 results of traffic(), but with all durations in nanoseconds; without `records` where there are more than 1,000. */
  traffic?: TrafficResult[];
  /** The first 1,000 results of disruption(). */
  disruptions: DisruptionVerdict[];
  /** All calls. Those of one kind, to the same targets, with the same tags and expectations, are added up; of more than 200 different ones, the rest by their kinds. */
  by_call: CallReport[];
}

/** Calls that are about the same, added up. Durations are in nanoseconds, instants since `start_time`. What a kind of call does not have is 0 or empty. */
export interface CallReport {
  /** The function's name. */
  call: string;
  network?: string;
  targets: string[];
  /** Where pings came from, if the option `from` has named it. */
  from?: string;
  /** Where they went, if the option `to` has named it. */
  to?: string;
  /** The call's own. */
  tags?: Record<string, string>;
  /** Connections are to be answered. */
  answers: boolean;
  /** What was expected, as far as it was. */
  expect: object;
  /** The shares that hosts are due, in relation to each other. */
  weights?: Record<string, number>;
  /** How many calls these are. */
  calls: number;
  /** Of the first. */
  start_time: string;
  /** From there to the end of the last. */
  duration: number;
  /** When connections were made. Rates are of these times. */
  making: Span[];
  /** Connections. */
  asked: number;
  /** Of these. */
  begun: number;
  /** Of these. */
  established: number;
  /** Of these, as they should. */
  answered: number;
  /** At the end; by `capacity()`, at most. */
  held: number;
  /** Most at once; of several calls, the sum of theirs. */
  held_max: number;
  /** Established connections that ended before their time. */
  lost: number;
  /** Of these, by announced changes. */
  excused: number;
  /** By `traffic()`: connections that were not up and echoing at the end, and not taken down by an announced change. */
  down: number;
  failed_connects: number;
  failed_reads: number;
  syn_retransmits: number;
  /** Connections that took more than one SYN. */
  retried: number;
  /** Of hold(): connections on which nothing was asked (no `keepalive`), so that nobody knows whether a service still answered. Missing if none. */
  unasked?: number;
  sources_used: number;
  errors: Partial<Record<ErrorClass, number>>;
  /** The part of `errors` that failed to connect. */
  connect_errors: Partial<Record<ErrorClass, number>>;
  first_errors: Partial<Record<ErrorClass, string>>;
  connect_time: Distribution;
  /** Of answers, keepalives, packets or pings. */
  reply_time: Distribution;
  rtt: Distribution;
  /** Answers, or connections, by host. */
  hosts: Record<string, number>;
  /** The times to answer, to about 2 %; of at most 1,000 hosts. */
  by_host: Record<string, Distribution>;
  needless_by_host: Record<string, number>;
  closed_by: { fin: number; rst: number };
  outages: Outage[];
  changes: Change[];
  /** Of `hold()`: how many connections stood at each instant, and what has happened since the instant before. */
  over_time: HoldSample[];
  /** Of `traffic()`. */
  packets?: PacketCounts;
  /** One for each call of `capacity()`. */
  limits?: CapacityFound[];
  /** One for each call of `idle()`. */
  silences?: SilenceFound[];
  /** Of pings. */
  health?: Beat[];
  /** Of pings: where their time went, besides `connect_time`. A phase that did not happen, such as a look-up of an address, is not counted. */
  phases?: { dns: Distribution; tls: Distribution; first_byte: Distribution; last_byte: Distribution };
  verdicts: Judgement[];
}

/** A time from one instant to another. */
export interface Span {
  from: number;
  to: number;
}

/** How many connections of a hold stood at an instant, and what has happened since the instant before. */
export interface HoldSample {
  time: number;
  held: number;
  established: number;
  /** Ended before their time. */
  lost: number;
}

/** What has become of the packets of `traffic()`. */
export interface PacketCounts {
  sent: number;
  received: number;
  dropped: number;
  retransmits: number;
  corrupted: number;
  reconnects: number;
  /** Flows that another host went on to answer. */
  moved: number;
  /** Lost connections were not dialed again (`reconnect: false`). */
  once: boolean;
}

/** What a call of `capacity()` has found. */
export interface CapacityFound {
  connections: number;
  limit: string;
  lower_bound: boolean;
  explanation: string;
  steps: CapacityStep[];
}

/** What was held of all that was asked for, when one more step of a search had been watched. */
export interface CapacityStep {
  time: number;
  asked: number;
  held: number;
}

/** What a call of `idle()` has found. */
export interface SilenceFound {
  timeout: number | null;
  how: string;
  at_least: number;
  at_most: number | null;
  finished: boolean;
  /** The shortest silence that was to be tried. */
  from: number;
  /** The longest one. */
  to: number;
}

/** What pings have told from an instant on. */
export interface Beat {
  time: number;
  pings: number;
  failed: number;
  slowest: number;
}

/** A verdict on calls that are about the same. */
export interface Judgement {
  name: VerdictName;
  /** Calls for which it held. */
  held: number;
  /** Calls for which it did not. */
  failed: number;
  /** Of the first that failed, else of the last that held. */
  text: string;
}

/** Times that can be added up. Percentiles of several calls are told from `counts`, to a thousandth; the others are exact. */
export interface Distribution {
  count: number;
  min: number;
  avg: number;
  med: number;
  max: number;
  dev: number;
  'p(90)': number;
  'p(95)': number;
  'p(99)': number;
  /** How often each time occurred, which is in microseconds and rounded down to three digits: `[time, number]`. */
  counts: [number, number][];
}

export interface ReportOptions {
  /**
   * `'html'`: one self-contained page with all charts and the numbers beneath, readable in light and dark themes.
   * `'svg'`: each chart as a file of its own. Default `'object'`.
   */
  format?: 'object' | 'html' | 'svg';
  /** The page's title. Default `'mconnect report'`. */
  title?: string;
}

/** Charts by name, such as `connects-share` or `traffic-connections`: the text of SVG files. */
export type Charts = Record<string, string>;

/**
 * All calls of this k6 process so far; most useful in `handleSummary()`, which k6 calls at the test's end:
 *
 *     export const handleSummary = () => ({ 'report.html': report({ format: 'html' }) });
 *
 * Throws a TypeError if an option is wrong.
 */
export function report(options?: ReportOptions & { format?: 'object' }): Report;
export function report(options: ReportOptions & { format: 'html' }): string;
export function report(options: ReportOptions & { format: 'svg' }): Charts;

/** Takes what k6 hands to `handleSummary`, and returns the texts of files by their names, or nothing. */
export type HandleSummary = (data: any) => Record<string, string> | undefined;

export interface SummaryOptions {
  /** A file for the page of `report({format: 'html'})`. */
  html?: string;
  /** A folder for the charts of `report({format: 'svg'})`. */
  svg?: string;
  /** A file for JUnit XML: a test case for each verdict and each threshold. */
  junit?: string;
  /** A file for `report()`, which `k6 x mconnect report` reads. */
  json?: string;
  /** Of the page and the JUnit file. Default `'mconnect report'`. */
  title?: string;
  /** Print this summary alone, without k6's own. Default `false`. */
  replace?: boolean;
}

/**
 * A function for `handleSummary`, which prints for people what the calls of this module have come to, and all thresholds of the test:
 *
 *     export const handleSummary = summary({ html: 'report.html', junit: 'report.xml', json: 'report.json' });
 *
 * The text follows k6's own summary. Without `replace`, the function returns nothing, since k6 leaves its own out for scripts that return
 * something; it has written the files then. With `replace`, it returns text and files for k6 to print and to write.
 *
 * Throws a TypeError if an option is wrong, and an Error if a file can't be written. One that can't be at the test's end, as on a full disk, fails the
 * verdict `ran`.
 */
export function summary(options?: SummaryOptions): HandleSummary;

declare const mconnect: {
  flood: typeof flood;
  hold: typeof hold;
  idle: typeof idle;
  capacity: typeof capacity;
  traffic: typeof traffic;
  disruption: typeof disruption;
  change: typeof change;
  ping: typeof ping;
  tcpPing: typeof tcpPing;
  format: typeof format;
  sockets: typeof sockets;
  preflight: typeof preflight;
  listen: typeof listen;
  report: typeof report;
  summary: typeof summary;
};
export default mconnect;
