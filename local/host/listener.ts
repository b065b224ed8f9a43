/** Something that starts functions by itself and can be stopped and started again. */
export type Listener = {
  readonly start: () => void;
  /** Starts nothing more; resolves when what runs has ended. */
  readonly stop: () => Promise<void>;
};
