// What is seen of the keys of one route, on one worker.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_SURVEY_H_
#define SINGLEFLIGHT_SERVER_SURVEY_SURVEY_H_

#include <memory>
#include <vector>

#include "server/survey/splits.h"
#include "server/survey/top_keys.h"

namespace singleflight::survey {

struct Survey {
  std::shared_ptr<Splits> splits;  // all workers'
  std::shared_ptr<TopKeys> top;    // this worker's
};

// The routes of one configuration on one worker, by index.
using SurveyByRoute = std::vector<Survey>;

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_SURVEY_H_
