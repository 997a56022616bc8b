'use strict';

// Read as files, pages may start no worker, and the search runs in one. There a hidden frame takes its place: the
// worker's script runs in it, and messages go to and fro as events. The theme looks for the name IFrameWorker.
if (location.protocol === 'file:') {
  /** What the search asks of a Worker. */
  class IFrameWorker extends EventTarget {
    /** @param {string} url the worker's script */
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement('iframe');
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.start(url);
    }

    /** Run the script in the frame, then hand over what was sent before it could listen. */
    start(url) {
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent('message', { data }));
      const script = inside.document.createElement('script');
      script.src = url;
      script.onload = () => {
        const sent = this.waiting;
        this.waiting = null;
        for (const data of sent) this.postMessage(data);
      };
      inside.document.head.append(script);
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.frame.contentWindow.dispatchEvent(new MessageEvent('message', { data }));
    }

    terminate() {
      this.frame.remove();
    }
  }

  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
