// What a button plays and stops, beat by beat.

import { onDestroy } from "svelte";

export class Beat {
  playing = $state(false);
  private timer: ReturnType<typeof setInterval> | undefined;

  /** Made while a component is: it stops with it. `next` says whether it went on; where it did not, the playing ends. */
  constructor(
    private readonly beat_ms: number,
    private readonly next: () => boolean,
  ) {
    onDestroy(this.stop);
  }

  play(): void {
    this.playing = true;
    this.timer = setInterval(() => {
      if (!this.next()) this.stop();
    }, this.beat_ms);
  }

  stop = (): void => {
    clearInterval(this.timer);
    this.playing = false;
  };
}
