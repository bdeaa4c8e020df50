// What the server tells, and what it may be asked for. The server's Python names the same fields (serve/jobs/job_files.py, serve/run_list.py).

export type JobState = "queued" | "running" | "finished" | "failed" | "cancelled" | "killed";

export interface Job {
  id: string;
  created: string;
  kind: "train" | "resume" | "look" | "predict";
  title: string;
  run: string;
  state: JobState;
  frac: number;
  what: string;
  left: string;
  /** Its training can be watched. */
  live: boolean;
  has_picture: boolean;
  labels: [string, number][];
}

export interface Run {
  name: string;
  state: "finished" | "training" | "unfinished" | "damaged";
  model: string;
  data: string;
  epochs: number;
  done: number;
  accuracy: number | null;
  interval: [number, number] | null;
  validation: number[];
  created: string;
  report: boolean;
  /** How a run on words or numbers did; only pictures can be looked at. */
  figure: string;
  by_hand: boolean;
  trouble: string;
}

export interface Told {
  folder: string;
  runs: Run[];
  jobs: Job[];
  choices: { sets: string[]; photos: string[]; models: string[]; presets: string[]; trained: string[] };
}

export const server = $state<{ told: Told | null; here: boolean; trouble: string }>({ told: null, here: false, trouble: "" });

/** Listen as long as the page is open; the browser comes back by itself when the server does. */
export function listen(): () => void {
  const events = new EventSource("api/events");
  events.addEventListener("state", (event) => {
    server.told = JSON.parse((event as MessageEvent<string>).data) as Told;
    server.here = true;
  });
  events.onopen = () => (server.here = true);
  events.onerror = () => (server.here = false);
  return () => events.close();
}

/** Ask for something; what is refused is said on the page. Whether it was taken on. */
async function ask(path: string, options: RequestInit): Promise<boolean> {
  server.trouble = "";
  try {
    const answer = await fetch(path, options);
    if (answer.ok) return true;
    const text = await answer.text();
    try {
      server.trouble = (JSON.parse(text) as { error: string }).error;
    } catch {
      server.trouble = text.trim();
    }
  } catch {
    server.trouble = "the server does not answer; is it running?";
  }
  return false;
}

export const start = (job: object): Promise<boolean> =>
  ask("api/jobs", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(job) });

export const send = (to: "predict" | "explain", run: string, picture: Blob): Promise<boolean> =>
  ask(`api/pictures?${new URLSearchParams({ to, run })}`, { method: "POST", headers: { "content-type": picture.type || "image/unknown" }, body: picture });

export const cancel = (id: string): Promise<boolean> => ask(`api/jobs/${id}/cancel`, { method: "POST" });
export const again = (id: string): Promise<boolean> => ask(`api/jobs/${id}/again`, { method: "POST" });
export const remove = (id: string): Promise<boolean> => ask(`api/jobs/${id}`, { method: "DELETE" });
