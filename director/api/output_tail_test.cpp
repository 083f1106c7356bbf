#include "director/api/output_tail.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "director/api/fixture.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::api;

namespace output_tail_test {

namespace {

// Takes what there is, and counts how often it is woken.
struct Reader {
  std::shared_ptr<http::Feed> feed;
  std::string got;
  int woken = 0;
  bool ended = false;

  void take() {
    for (;;) {
      const auto next = feed->next([this] { ++woken; });
      if (next.chunk) got += next.chunk->content();
      ended = next.ended;
      if (!next.chunk) return;
    }
  }
};

struct TailFixture {
  TempDir folder{"tail"};
  std::string path = (folder.path() / "event").string();
  std::shared_ptr<OutputTail> tail = std::make_shared<OutputTail>(path, 0);
  void write(const std::string& text) { std::ofstream(path, std::ios::app) << text; }
};

}  // namespace

TEST_CASE_FIXTURE(TailFixture, "a follower gets what was there and is woken once for what comes") {
  write("a\n");
  Reader reader{tail->follow(0)};
  reader.take();
  CHECK(reader.got == "a\n");
  write("b\n");
  tail->grew();
  write("c\n");
  tail->grew();
  CHECK(reader.woken == 1);
  reader.take();
  CHECK(reader.got == "a\nb\nc\n");
  CHECK_FALSE(reader.ended);
  tail->end();
  reader.take();
  CHECK(reader.ended);
}

TEST_CASE_FIXTURE(TailFixture, "an output that has no line yet is waited for") {
  Reader reader{tail->follow(0)};
  reader.take();
  CHECK(reader.got.empty());
  write("first\n");
  tail->grew();
  reader.take();
  CHECK(reader.got == "first\n");
}

TEST_CASE_FIXTURE(TailFixture, "half a line is not told before it is whole") {
  write("one\ntw");
  Reader reader{tail->follow(0)};
  reader.take();
  CHECK(reader.got == "one\n");
  write("o\n");
  tail->grew();
  reader.take();
  CHECK(reader.got == "one\ntwo\n");
}

TEST_CASE_FIXTURE(TailFixture, "followers who begin anywhere get the same bytes to the end") {
  std::string all;
  const auto add = [&](int from, int to) {
    std::string text;
    for (int i = from; i < to; ++i) text += "line " + std::to_string(i) + std::string(i % 90, '.') + "\n";
    all += text;
    write(text);
    tail->grew();
  };
  add(0, 40000);  // more than is kept
  std::vector<std::unique_ptr<Reader>> readers;
  for (const std::size_t offset : {std::size_t{0}, std::size_t{3}, all.size() / 2, all.size() - 1, all.size()}) {
    readers.push_back(std::make_unique<Reader>(Reader{tail->follow(offset)}));
    readers.back()->take();
    add(40000 + static_cast<int>(readers.size()) * 10, 40010 + static_cast<int>(readers.size()) * 10);
  }
  tail->end();
  for (auto& reader : readers) {
    reader->take();
    CHECK(reader->ended);
    CHECK(reader->got.size() > 0);
    CHECK(all.ends_with(reader->got));
  }
  CHECK(readers.front()->got == all);
}

TEST_CASE_FIXTURE(TailFixture, "a line longer than a piece comes in one") {
  const auto line = std::string(300'000, 'x') + "\n";
  write("short\n");
  Reader reader{tail->follow(0)};
  reader.take();
  write(line);
  tail->grew();
  reader.take();
  CHECK(reader.got == "short\n" + line);
}

TEST_CASE_FIXTURE(ApiFixture, "an output can be followed until its task is over") {
  queue.register_type("talk", [](TaskContext& task) {
    task.result_line("one");
    task.result_line("two");
    return "";
  });
  const auto task = queue.submit({.type = "talk", .user = "admin"});
  const auto target = "/tasks/" + std::to_string(task.id) + "/output?type=result&follow_seconds=10&offset=4";
  const auto response = send("GET", target);
  CHECK(response.status == 200);
  Reader reader{std::get<http::FeedBody>(response.body).feed};
  reader.take();
  CHECK_FALSE(reader.ended);
  queue.start();
  // Woken by every line and by the end; what wakes it last is the end.
  auto version = queue.wait_for_change(task.id, 0, std::chrono::seconds(5));
  while (!is_final(tasks.find(task.id)->state)) version = queue.wait_for_change(task.id, version, std::chrono::seconds(5));
  queue.stop();
  reader.take();
  CHECK(reader.got == "two\n");
  CHECK(reader.ended);
  CHECK(send("GET", "/tasks/1/output?type=result&follow_seconds=0").status == 400);
  CHECK(send("GET", "/tasks/1/output?type=result&follow_seconds=9&offset=-1").status == 400);
}

}  // namespace output_tail_test
