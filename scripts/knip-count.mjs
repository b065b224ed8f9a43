/** Lets knip say how many files it looked at: zero dead files among zero files is no news. */
export default (results) => {
  console.log(`knip looked at ${results.counters.processed} files`);
  return results;
};
