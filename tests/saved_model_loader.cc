// Loads a SavedModel as TensorFlow Serving does and prints the ids and scores of one history, read
// whole and then, behind an empty line, through a state.
// usage: saved_model_loader VERSION_FOLDER QUERY_TIME AGE GROUP [ITEM TIME FEEDBACK]...
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
using tensorflow::Tensor;
using tensorflow::tstring;
using Named = std::map<std::string, Tensor>;

Named Ask(const tensorflow::SavedModelBundle& bundle, const char* name, const Named& inputs) {
  const auto& signature = bundle.GetSignatures().at(name);
  std::vector<std::pair<std::string, Tensor>> feeds;
  for (const auto& [key, info] : signature.inputs()) feeds.push_back({info.name(), inputs.at(key)});
  std::vector<std::string> keys, fetches;
  for (const auto& [key, info] : signature.outputs()) {
    keys.push_back(key);
    fetches.push_back(info.name());
  }
  std::vector<Tensor> found;
  TF_CHECK_OK(bundle.GetSession()->Run(feeds, fetches, {}, &found));
  Named outputs;
  for (size_t n = 0; n < keys.size(); ++n) outputs[keys[n]] = found[n];
  return outputs;
}

template <typename T>
Tensor Of(std::initializer_list<tensorflow::int64> shape, T value) {
  Tensor tensor(tensorflow::DataTypeToEnum<T>::value, tensorflow::TensorShape(shape));
  tensor.flat<T>().setConstant(value);
  return tensor;
}

void Print(Named answer) {
  for (int n = 0; n < answer["items"].dim_size(1); ++n)
    printf("%s\t%.9g\n", answer["items"].matrix<tstring>()(0, n).c_str(),
           answer["log_probabilities"].matrix<float>()(0, n));
}

int main(int argc, char** argv) {
  tensorflow::SavedModelBundle bundle;
  TF_CHECK_OK(tensorflow::LoadSavedModel({}, {}, argv[1], {"serve"}, &bundle));
  const int events = (argc - 5) / 3;
  Tensor items(tensorflow::DT_STRING, {1, events}), times(tensorflow::DT_INT64, {1, events});
  Tensor feedback(tensorflow::DT_FLOAT, {1, events});
  for (int n = 0; n < events; ++n) {
    items.matrix<tstring>()(0, n) = argv[5 + 3 * n];
    times.matrix<tensorflow::int64>()(0, n) = atoll(argv[6 + 3 * n]);
    feedback.matrix<float>()(0, n) = atof(argv[7 + 3 * n]);
  }
  Named inputs = {{"history", items}, {"items", items}, {"times", times}, {"feedback", feedback},
                  {"user_age", Of<float>({1}, atof(argv[3]))},
                  {"user_group", Of<tstring>({1}, argv[4])}, {"rows", Of<int>({1}, 0)},
                  {"query_time", Of<tensorflow::int64>({1}, atoll(argv[2]))},
                  {"k", Of<int>({1}, 10)}, {"exclude_seen", Of<bool>({1}, true)},
                  {"allow", Of<tstring>({1, 1}, "")}, {"deny", Of<tstring>({1, 1}, "")},
                  {"exploration", Of<float>({1}, 0)}, {"seed", Of<tensorflow::int64>({1}, 0)},
                  {"cold_items", Of<tstring>({1, 1}, "")},
                  {"cold_item_genres", Of<tstring>({1, 1}, "")}};
  Print(Ask(bundle, "serving_default", inputs));
  inputs["state_bytes"] = Ask(bundle, "start", inputs)["state_bytes"];
  inputs["state_bytes"] = Ask(bundle, "update", inputs)["state_bytes"];
  printf("\n");
  Print(Ask(bundle, "recommend_from_state", inputs));
}
