// Start the figures when the arrays are decoded.
Promise.all([Arrays.load(), Models.load()]).then(([arrays, models]) => {
  const answers = Answers(arrays, models), reader = Reader(arrays, models, answers);
  Draw(arrays, models, reader, answers);
  Neighbors(arrays, models, reader, answers);
  Training(arrays, models, Scores(arrays, models, reader));
  Layers(models, reader);
  Kernels(arrays, models, reader, answers);
  Components(arrays, models, reader);
  Plane(arrays, models, reader);
  Corners(reader);
  Errors(arrays, models, answers);
  Trust(models, reader, answers);
});
