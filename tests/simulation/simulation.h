#ifndef SINGLEFLIGHT_TESTS_SIMULATION_SIMULATION_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_SIMULATION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/simulation/caller.h"

namespace singleflight::simulation {

// A world, and what happens in it: one thing a step, chosen by the step's ticket.
class Simulation {
 public:
  explicit Simulation(uint64_t seed, Defect defect = Defect::kNone);
  ~Simulation();

  // What happens is told as text from now on.
  void Listen(std::function<void(const std::string&)> listener);

  // False: something was violated, and it is over.
  bool Step(Ticket ticket);

  // Everything comes to its end; false likewise.
  bool Finish();

  const std::string& violation() const { return world_.report.violation(); }
  const World& world() const { return world_; }

 private:
  void Act();
  void ActMeanwhile(size_t busy);
  template <typename Work>
  void On(size_t loop, const Work& work);
  size_t SomeLoop(const std::function<bool(size_t)>& wanted);
  size_t FreeLoop();

  void SomebodyAsks();
  void BackendActsSomewhere();
  void SomeTaskRuns();
  void TimePasses();
  void SomebodyGivesUp();
  void RepliesAreTaken();
  void Purge();
  void Reload();
  void ComeToRest(bool silent);

  void Pass(absl::Duration time);
  void Settle();
  bool AnswerAll();
  void ForgetThoseThatAreOver();

  World world_;
  std::array<bool, kLoops> busy_ = {};
  bool meanwhile_ = false;
  absl::Duration unsettled_;  // how far clocks may be behind
};

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_SIMULATION_H_
