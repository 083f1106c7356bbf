#include "base/http/message.hpp"

#include <doctest/doctest.h>
#include <cstring>

#include "base/file.hpp"
#include "base/http/client.hpp"

using namespace slipway;
using namespace slipway::http;

namespace {

class TextBody final : public BodyReader {
 public:
  explicit TextBody(std::string text, bool with_length = true)
      : text_(std::move(text)), with_length_(with_length) {}
  std::size_t read(std::span<char> out) override {
    const auto size = std::min(out.size(), text_.size() - at_);
    std::memcpy(out.data(), text_.data() + at_, size);
    at_ += size;
    return size;
  }
  std::optional<std::uint64_t> length() const override {
    return with_length_ ? std::optional<std::uint64_t>(text_.size()) : std::nullopt;
  }

 private:
  std::string text_;
  bool with_length_;
  std::size_t at_ = 0;
};

struct RangeCase {
  std::string header;
  int status;
  std::uint64_t offset;
  std::uint64_t length;
};

}  // namespace

TEST_CASE("a body is read whole up to the limit and refused beyond it") {
  CHECK(TextBody("12345").read_all(5) == "12345");
  CHECK(TextBody("12345", false).read_all(5) == "12345");
  CHECK_THROWS_AS(TextBody("123456").read_all(5), Error);
  CHECK_THROWS_AS(TextBody("123456", false).read_all(5), Error);
}

TEST_CASE("a JSON body that is none is invalid") {
  Request request;
  request.body = std::make_shared<TextBody>("{\"a\":1}");
  CHECK(request.json_body()["a"] == 1);
  request.body = std::make_shared<TextBody>("{\"a\":");
  try {
    (void)request.json_body();
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
  }
}

TEST_CASE("header names are found in any case") {
  Headers headers{{"Content-Type", "a"}};
  CHECK(headers.contains("content-TYPE"));
  CHECK_FALSE(headers.contains("content-typ"));
}

TEST_CASE("a range asks for a part, and a malformed one for the whole") {
  TempDir folder;
  const auto path = (folder.path() / "ten").string();
  write_file_atomically(path, "0123456789");
  for (const auto& [header, status, offset, length] :
       std::vector<RangeCase>{{"bytes=0-0", 206, 0, 1},
                              {"bytes=4-", 206, 4, 6},
                              {"bytes=4-99", 206, 4, 6},
                              {"bytes=-3", 206, 7, 3},
                              {"bytes=-99", 206, 0, 10},
                              {"bytes=10-", 416, 0, 0},
                              {"bytes=-0", 416, 0, 0},
                              {"bytes=5-4", 200, 0, 10},
                              {"bytes=0-1,3-4", 200, 0, 10},
                              {"bytes=a-b", 200, 0, 10},
                              {"bytes=99999999999999999999-", 200, 0, 10},
                              {"lines=1-2", 200, 0, 10},
                              {"", 200, 0, 10}}) {
    CAPTURE(header);
    Request request;
    if (!header.empty()) request.headers["range"] = header;
    const auto response = Response::file(request, path, "text/plain");
    CHECK(response.status == status);
    if (status == 416) {
      CHECK(response.headers.at("Content-Range") == "bytes */10");
    } else {
      CHECK(std::get<FileBody>(response.body).offset == offset);
      CHECK(std::get<FileBody>(response.body).length == length);
    }
  }
  CHECK_THROWS_AS(Response::file(Request{}, (folder.path() / "none").string(), "text/plain"), Error);
  CHECK_THROWS_AS(Response::file(Request{}, folder.path().string(), "text/plain"), Error);
}

TEST_CASE("URL text survives encoding, and malformed escapes are invalid") {
  const std::string text = "a b/c?d=e&f%\xC3\xA9~-._";
  CHECK(url_decode(url_encode(text)) == text);
  CHECK(url_encode("a/b c") == "a%2Fb%20c");
  for (const std::string bad : {"%", "%1", "%zz", "a%"}) CHECK_THROWS_AS(url_decode(bad), Error);
}
