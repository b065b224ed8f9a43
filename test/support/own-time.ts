/** For each test file: what comes after it in the same process begins with the machine's time. */
import { afterAll } from "vitest";
import { stopPassing } from "./passing-time.ts";

afterAll(stopPassing);
