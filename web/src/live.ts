// What the server tells without being asked: a WebSocket, and polling beneath
// it. The socket is for speed only. A place, a pass and a hold belong to tokens,
// never to a connection, so losing it loses nothing.

import type { Api, Board, Place, Stock } from "./api";

/** A section's frames are a chain: from is to of the one before. One without changes only says where the chain stands. */
export interface SeatFrame { section: string; from?: number; to?: number; changes?: [number, number][] }
export interface Notice { kind: "hold" | "order"; hold?: string; order?: string; state: string; reason?: string }

export interface LiveHandlers {
  board(board: Board): void;
  stock(stock: Stock): void;
  seats(frame: SeatFrame): void;
  notice(notice: Notice): void;
  /** A new socket: what was told on the one before no longer counts. */
  opened(): void;
  /** The place of this fan, who is told the board the sooner the nearer they are to their turn. */
  place(): Place | undefined;
  /** Changes may have been missed: read again what matters. */
  refresh(): void;
  /** How long to wait between polls while there is no socket, in ms. */
  pollEvery(): number;
}

const backoffFirst = 1_000;
const backoffMost = 60_000;
/** Close codes (RFC 6455, 7.4.1): the gateway leaves and another takes over; it won't have this socket at all. */
const leaving = [1001, 1012], leavingSpread = 5_000;
const refused = [1003, 1008, 1009];
/** A socket that is silent for so long is checked with one cacheable GET. */
const silenceMost = 60_000;
/** After being hidden for so long a page takes a fresh socket: the old one may be dead without knowing. */
const hiddenMost = 30_000;

export class Live {
  private socket?: WebSocket;
  private failures = 0;
  private reconnectTimer = 0;
  private pollTimer = 0;
  private silenceTimer = 0;
  private hiddenAt = 0;
  private seq = -1;
  private watching: string[] = [];

  constructor(private readonly api: Api, private readonly on: LiveHandlers) {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.hiddenAt = Date.now();
      else this.wake(Date.now() - this.hiddenAt > hiddenMost);
    });
    addEventListener("pageshow", (e) => { if (e.persisted) this.wake(true); });
    addEventListener("online", () => this.wake(true));
  }

  start(): void {
    this.connect();
    this.fetchBoard(); // comes from a cache, before the socket is open
    this.poll();
  }

  get up(): boolean { return this.socket?.readyState === WebSocket.OPEN; }

  /** watch names the sections and areas in view; ["*"] for all. */
  watch(sections: string[]): void {
    this.watching = sections;
    if (this.up) this.socket!.send(JSON.stringify({ watch: sections }));
  }

  /** Says which place the fan has: the gateway that it came from may be another. */
  private stand(): void {
    const p = this.on.place();
    if (p) this.socket!.send(JSON.stringify({ place: { lane: p.lane, region: p.region, number: p.number } }));
  }

  /** Takes a new socket: the gateway knows a socket's fan by the cookie it was opened with. */
  renew(): void {
    this.failures = 0;
    this.connect();
    clearTimeout(this.pollTimer); // the pace of polling may be another now
    this.pollTimer = 0;
    this.poll();
  }

  /** Timers of a sleeping tab are late or never run: whatever wakes us reads the state at once. */
  private wake(fresh: boolean): void {
    if (fresh || !this.up) this.renew();
    this.fetchBoard();
    this.on.refresh();
  }

  private connect(): void {
    clearTimeout(this.reconnectTimer);
    const old = this.socket;
    const socket = this.socket = new WebSocket(this.api.live);
    old?.close();
    socket.onopen = () => {
      this.stand();
      if (this.watching.length) this.watch(this.watching);
      this.heard();
      this.on.opened();
      this.on.refresh();
    };
    socket.onmessage = (e) => {
      this.failures = 0;
      this.heard();
      this.receive(JSON.parse(e.data));
    };
    socket.onclose = (e) => {
      if (socket === this.socket) this.reconnectLater(e.code);
    };
  }

  private receive(frame: any): void {
    switch (frame.t) {
      case "board": return this.take(frame.board);
      case "stock": return this.on.stock(frame.stock);
      case "seats": return this.on.seats(frame);
      case "notice": return this.on.notice(frame.notice);
    }
  }

  /** Full jitter: a gateway that restarts must not be met by everybody at once. */
  private reconnectLater(code: number): void {
    clearTimeout(this.silenceTimer);
    clearTimeout(this.reconnectTimer);
    this.poll();
    if (refused.includes(code)) return;
    const most = leaving.includes(code) ? leavingSpread : Math.min(backoffMost, backoffFirst * 2 ** this.failures++);
    this.reconnectTimer = setTimeout(() => this.connect(), Math.random() * most);
  }

  private heard(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(async () => {
      const before = this.seq;
      await this.fetchBoard();
      if (this.seq > before) this.connect(); // the board moved on and we weren't told
      else this.heard();
    }, silenceMost);
  }

  /** Polls while there is no socket; stops by itself once there is one. */
  private poll(): void {
    this.pollTimer ||= setTimeout(async () => {
      this.pollTimer = 0;
      if (this.up) return;
      await this.fetchBoard();
      this.on.refresh();
      this.poll();
    }, this.on.pollEvery() * (0.8 + 0.4 * Math.random()));
  }

  async fetchBoard(): Promise<void> {
    try {
      this.take(await this.api.board());
    } catch { /* the next poll or frame will tell */ }
  }

  /** Boards arrive on two ways: only a newer one counts. */
  private take(board: Board): void {
    if (board.seq <= this.seq) return;
    this.seq = board.seq;
    this.on.board(board);
  }
}
