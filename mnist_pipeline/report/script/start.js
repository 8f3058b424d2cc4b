// What the figures start from: a promise of the arrays of the run, its models, and the digit of the
// reader.
import { loadArrays } from "./arrays.js";
import { createKnn } from "../topics/knn/knn.js";
import { createCnn, createMlp } from "../topics/networks/networks.js";
import { createPca } from "../topics/pca/pca.js";
import { createReader } from "./reader.js";
import { createJudge } from "../topics/robustness/recognizer.js";
import { createSoftmax } from "../topics/softmax/softmax.js";

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
