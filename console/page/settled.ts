/** What somebody types, once they have stopped: nothing is asked for each letter. */
import { useEffect, useState } from "react";

/** Waits until somebody has stopped changing a value. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 400);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
