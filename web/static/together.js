// Several recordings that show the same moment: one leads, the others follow it.
const APART_S = 0.25; // a follower that is further off is put right

export class Together {
  // videos: [{ video, from }] with `from` in ms of the axis; `told` hears every moment that is shown, and who leads.
  constructor(videos, told) {
    this.videos = videos;
    this.told = told;
    this.leader = videos[0] || null;
    for (const one of videos) this.listen(one);
  }

  listen(one) {
    const lead = () => (this.leader = one);
    one.video.addEventListener("pointerdown", lead, true);
    one.video.addEventListener("focus", lead);
    one.video.addEventListener("play", () => one === this.leader && this.run());
    one.video.addEventListener("pause", () => one === this.leader && this.halt());
    one.video.addEventListener("seeked", () => one === this.leader && this.tell());
    one.video.addEventListener("loadedmetadata", () => one === this.leader && this.tell());
  }

  get now() {
    return this.leader ? this.leader.from + this.leader.video.currentTime * 1000 : 0;
  }

  // Everybody shows this moment; who has nothing of it says so.
  go(ms, leader = null) {
    const inside = this.videos.filter((one) => this.holds(one, ms));
    this.leader = leader || (inside.includes(this.leader) ? this.leader : inside[0]) || this.leader;
    if (this.leader) this.leader.video.currentTime = Math.max(0, (ms - this.leader.from) / 1000);
    this.follow(ms, 0);
    this.told(ms, this.leader);
  }

  holds({ video, from }, ms) {
    const length = Number.isFinite(video.duration) ? video.duration * 1000 : Infinity;
    return ms >= from && ms <= from + length;
  }

  follow(ms, apart) {
    for (const one of this.videos) {
      const holds = this.holds(one, ms);
      one.video.toggleAttribute("data-outside", !holds);
      if (one === this.leader) continue;
      const at = (ms - one.from) / 1000;
      if (holds && Math.abs(one.video.currentTime - at) > apart) one.video.currentTime = at;
      const playing = holds && this.leader && !this.leader.video.paused;
      if (playing && one.video.paused) one.video.play().catch(() => {});
      if (!playing && !one.video.paused) one.video.pause();
    }
  }

  tell() {
    const ms = this.now;
    this.follow(ms, this.leader.video.paused ? 0 : APART_S);
    this.told(ms, this.leader);
  }

  run() {
    const { video } = this.leader;
    const step = () => {
      if (video !== this.leader?.video || video.paused || video.ended) return;
      this.tell();
      requestAnimationFrame(step);
    };
    step();
  }

  halt() {
    for (const one of this.videos) if (one !== this.leader) one.video.pause();
  }
}
