// What the figures start from: a promise of the arrays of the run, its models, and the digit of the
// reader.
import { loadArrays } from "./arrays.js";
import { createKnn } from "./knn.js";
import { createCnn, createMlp } from "./networks.js";
import { createPca } from "./pca.js";
import { createReader } from "./reader.js";
import { createJudge } from "./recognizer.js";
import { createSoftmax } from "./softmax.js";

export const loaded = loadArrays().then((arrays) => {
  const models = {
    knn: createKnn(arrays),
    softmax: createSoftmax(arrays),
    mlp: createMlp(arrays),
    cnn: createCnn(arrays),
    pca: createPca(arrays),
    judge: createJudge(arrays),
  };
  return { arrays, models, reader: createReader(arrays, models) };
});
