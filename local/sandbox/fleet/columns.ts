/** Columns of numbers that grow: what keeps a million rows small enough to stay in memory. */

type Cells = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** One growing column. Reading beyond its end gives 0. */
export type Column = {
  readonly length: () => number;
  readonly get: (row: number) => number;
  readonly set: (row: number, value: number) => void;
  /** Adds a row and returns its number. */
  readonly push: (value: number) => number;
  readonly clear: () => void;
};

/** Makes an empty column whose cells are of the given typed array, which doubles whenever it is full. */
export function column(make: new (length: number) => Cells, initial = 1024): Column {
  let cells = new make(initial);
  let rows = 0;
  return {
    length: () => rows,
    get: (row) => cells[row] ?? 0,
    set: (row, value) => {
      cells[row] = value;
    },
    push: (value) => {
      if (rows === cells.length) {
        const wider = new make(cells.length * 2);
        wider.set(cells);
        cells = wider;
      }
      cells[rows] = value;
      rows += 1;
      return rows - 1;
    },
    clear: () => {
      cells = new make(initial);
      rows = 0;
    },
  };
}
