/** Time as the runtime sees it: injected, so that tests and the simulator can move it. */
export interface Clock {
  /** Milliseconds on a clock that never steps; comparable within one process only. Leases are counted on it. */
  bootMs(): number;
  /** Milliseconds since 1970 on the wall clock; for records and for deadlines that must outlive the process. */
  wallMs(): number;
  /** Calls back once, delayMs from now on the boot clock; never synchronously. Returns a function that cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}
