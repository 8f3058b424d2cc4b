// Start the figures when the arrays are decoded.
Promise.all([Arrays.load(), Models.load()]).then(([arrays, models]) => {
  const answers = Answers(arrays, models);
  Components(arrays, models);
  Corners.run(arrays);
  Draw(arrays, models, answers);
  Errors(arrays, models, answers);
});
