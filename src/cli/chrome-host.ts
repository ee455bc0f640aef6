import type { Browser, Page } from "puppeteer";
import type { BenchEvent } from "../../bench/harness/run.ts";
import type { BenchResult } from "../../bench/harness/result.ts";
import { DeviceError } from "../errors.ts";
import type { StudyResult } from "../tasks/limit-study.ts";
import { packSamples, packTaskData } from "../tasks/pack-data.ts";
import type { AlignEvent, AlignReport } from "../train/align.ts";
import { eventOfPlain, MESSAGE_BYTES, toBase64, type PlainRequest, type PulledBytes } from "../train/epochs-job.ts";
import { fromReply, type Reply, type TrainEvent } from "../train/job.ts";
import type { Synthesis, SynthesisEvent } from "../train/le-fourier.ts";
import type { StudyEvent } from "../train/limit-study.ts";
import type { ReproduceEvent, Reproduction } from "../train/reproduce.ts";
import type { Outcome } from "../train/train.ts";
import type { TrainingState } from "../train/training-state.ts";
import type { Check } from "../train/verification.ts";
import { launchChrome, openPage, readFindings, serve } from "./chrome.ts";
import type { Host } from "./host.ts";

/** A page of Chrome, with a window where there is a display. Rejects with DeviceError WEBGPU_UNAVAILABLE without one. */
export async function openChromeHost(signal: AbortSignal): Promise<Host> {
  const served = await serve();
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    await served.close();
  };
  try {
    browser = await launchChrome(readFindings());
    const page = await openPage(browser, new URL("src/app/job.html", served.url).href);
    const end = endOf(page, browser, signal);
    return {
      kind: "chrome",
      name: await browser.version(),
      async train(request, report) {
        await page.exposeFunction("report", (event: TrainEvent) => report(event));
        return call<Outcome>(page, `train(${JSON.stringify(request)}, report)`, end);
      },
      async trainEpochs({ data, checkpoint, ...request }, report) {
        const held = new Map<PulledBytes, Uint8Array | null>([
          ["data", data && packTaskData(data)],
          ["checkpoint", checkpoint],
        ]);
        const redraw = data?.redraw;
        let drawn: PulledBytes | undefined;
        const pull = async (name: PulledBytes, from: number): Promise<string> => {
          if (!held.has(name) && redraw !== undefined) {
            // Those of one epoch at a time: they may be large.
            if (drawn !== undefined) held.delete(drawn);
            drawn = name;
            held.set(name, packSamples(await redraw(Number(name.slice("epoch-".length)))));
          }
          return toBase64((held.get(name) ?? new Uint8Array()).subarray(from, from + MESSAGE_BYTES));
        };
        await page.exposeFunction("pullBytes", pull);
        await page.exposeFunction("reportEpochs", (event: unknown) => report(eventOfPlain(event)));
        const plain: PlainRequest = { ...request, isRedrawn: redraw !== undefined };
        return call<TrainingState>(page, `trainEpochs(${JSON.stringify(plain)}, pullBytes, reportEpochs)`, end);
      },
      verify: (text, name) => call<Check[]>(page, `verify(${JSON.stringify(text)}, ${JSON.stringify(name)})`, end),
      async reproduce(request, report) {
        await page.exposeFunction("reportReproduction", (event: ReproduceEvent) => report(event));
        return call<Reproduction>(page, `reproduce(${JSON.stringify(request)}, reportReproduction)`, end);
      },
      async synthesize(request, report) {
        await page.exposeFunction("reportSynthesis", (event: SynthesisEvent) => report(event));
        return call<Synthesis>(page, `synthesize(${JSON.stringify(request)}, reportSynthesis)`, end);
      },
      async study(request, report) {
        await page.exposeFunction("reportStudy", (event: StudyEvent) => report(event));
        return call<StudyResult[]>(page, `study(${JSON.stringify(request)}, reportStudy)`, end);
      },
      async align(request, report) {
        await page.exposeFunction("reportAlignment", (event: AlignEvent) => report(event));
        return call<AlignReport>(page, `align(${JSON.stringify(request)}, reportAlignment)`, end);
      },
      async bench(request, report) {
        await page.exposeFunction("reportBench", (event: BenchEvent) => report(event));
        return call<BenchResult>(page, `bench(${JSON.stringify(request)}, reportBench)`, end, "bench/harness/job.ts");
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Calls a function of a module in the page. */
async function call<T>(page: Page, expression: string, end: Promise<never>, module = "src/app/job.ts"): Promise<T> {
  const reply = page.evaluate(`import("/${module}").then((job) => job.${expression})`);
  // Whatever becomes of the page once it is not waited for.
  reply.catch(() => undefined);
  return fromReply((await Promise.race([reply, end])) as Reply<T>);
}

/** Rejects when the user stops the command, or when the page ends by itself: its call may then never be answered. */
function endOf(page: Page, browser: Browser, signal: AbortSignal): Promise<never> {
  const end = new Promise<never>((_, reject) => {
    const gone = (how: string): void => {
      const message = `Chrome ${how} before the work was done. Run the command again, or with --host node.`;
      reject(new DeviceError("DEVICE_LOST", message));
    };
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    page.once("close", () => gone("closed the page"));
    page.once("error", ({ message }) => gone(`ended the page (${message})`));
    browser.once("disconnected", () => gone("ended"));
  });
  // It is not awaited between two calls.
  end.catch(() => undefined);
  return end;
}
