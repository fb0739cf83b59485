// Loads a SavedModel as TensorFlow Serving does and prints the ids and scores of one history.
// usage: saved_model_loader VERSION_FOLDER QUERY_TIME AGE GROUP [ITEM TIME FEEDBACK]...
#include <cstdio>
#include <cstdlib>
#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
using tensorflow::Tensor;

int main(int argc, char** argv) {
  tensorflow::SavedModelBundle bundle;
  TF_CHECK_OK(tensorflow::LoadSavedModel({}, {}, argv[1], {"serve"}, &bundle));
  const int events = (argc - 5) / 3;
  Tensor history(tensorflow::DT_STRING, {1, events}), times(tensorflow::DT_INT64, {1, events});
  Tensor feedback(tensorflow::DT_FLOAT, {1, events}), query_time(tensorflow::DT_INT64, {1});
  Tensor age(tensorflow::DT_FLOAT, {1}), group(tensorflow::DT_STRING, {1});
  Tensor k(tensorflow::DT_INT32, {1}), exclude_seen(tensorflow::DT_BOOL, {1});
  query_time.vec<tensorflow::int64>()(0) = atoll(argv[2]);
  age.vec<float>()(0) = atof(argv[3]);
  group.vec<tensorflow::tstring>()(0) = argv[4];
  k.vec<int>()(0) = 10, exclude_seen.vec<bool>()(0) = true;
  for (int n = 0; n < events; ++n) {
    history.matrix<tensorflow::tstring>()(0, n) = argv[5 + 3 * n];
    times.matrix<tensorflow::int64>()(0, n) = atoll(argv[6 + 3 * n]);
    feedback.matrix<float>()(0, n) = atof(argv[7 + 3 * n]);
  }
  const auto& signature = bundle.GetSignatures().at("serving_default");
  auto in = [&](const char* name) { return signature.inputs().at(name).name(); };
  auto out = [&](const char* name) { return signature.outputs().at(name).name(); };
  std::vector<Tensor> found;
  TF_CHECK_OK(bundle.GetSession()->Run(
      {{in("history"), history}, {in("times"), times}, {in("feedback"), feedback},
       {in("query_time"), query_time}, {in("user_age"), age}, {in("user_group"), group},
       {in("k"), k}, {in("exclude_seen"), exclude_seen}},
      {out("items"), out("log_probabilities")}, {}, &found));
  for (int n = 0; n < found[0].dim_size(1); ++n)
    printf("%s\t%.9g\n", found[0].matrix<tensorflow::tstring>()(0, n).c_str(), found[1].matrix<float>()(0, n));
}
