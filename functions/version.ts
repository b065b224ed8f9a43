/** The version that the API document and the change log name. */
export const version = "0.1.0";
