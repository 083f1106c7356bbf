#include "health-monitor/plugins/email.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <mutex>

namespace slipway::health {

namespace {

// Header lines are built of what agents send: no line may end early, and no byte beyond ASCII is there.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) line += c >= ' ' && c < 0x7f ? c : ' ';
  return line.substr(0, 200);
}

std::string mail_date(Timestamp time) {
  const auto seconds = static_cast<std::time_t>(to_epoch_seconds(time));
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &utc)};
}

struct CurlHandle {
  CURL* curl = curl_easy_init();
  curl_slist* recipients = nullptr;
  CurlHandle() = default;
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;
  ~CurlHandle() {
    curl_slist_free_all(recipients);
    curl_easy_cleanup(curl);
  }
};

struct Upload {
  const std::string& text;
  std::size_t at = 0;
};

std::size_t read_upload(char* out, std::size_t size, std::size_t count, void* closure) {
  auto& upload = *static_cast<Upload*>(closure);
  const auto length = std::min(size * count, upload.text.size() - upload.at);
  std::memcpy(out, upload.text.data() + upload.at, length);
  upload.at += length;
  return length;
}

class Email final : public Plugin {
 public:
  explicit Email(EmailOptions options) : options_(std::move(options)) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  }
  std::string name() const override { return "email"; }
  std::chrono::milliseconds pause_between() const override { return options_.pause; }

  void tell(const std::vector<Notice>& notices) override {
    std::vector<Notice> grave;
    std::copy_if(notices.begin(), notices.end(), std::back_inserter(grave),
                 [&](const Notice& notice) { return notice.severity <= options_.least_severe; });
    if (!grave.empty()) send(mail_of(grave, options_, SystemClock().now()));
  }

 private:
  void send(const std::string& mail) const {
    CurlHandle handle;
    const auto set = [&](CURLoption option, auto value) {
      if (const auto code = curl_easy_setopt(handle.curl, option, value); code != CURLE_OK)
        throw Error(Fault::internal, std::string("email: ") + curl_easy_strerror(code));
    };
    const bool implicit = options_.tls == MailTls::implicit;
    const auto url = std::string(implicit ? "smtps" : "smtp") + "://" + options_.host + ":" +
                     std::to_string(options_.port) + "/slipway-health-monitor";
    for (const auto& to : options_.to) handle.recipients = curl_slist_append(handle.recipients, to.c_str());
    char reason[CURL_ERROR_SIZE] = "";
    Upload upload{mail};
    set(CURLOPT_ERRORBUFFER, reason);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT, 30L);
    set(CURLOPT_USE_SSL, static_cast<long>(options_.tls == MailTls::none ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    if (!options_.user.empty()) {
      set(CURLOPT_USERNAME, options_.user.c_str());
      set(CURLOPT_PASSWORD, options_.password.reveal().c_str());
    }
    set(CURLOPT_MAIL_FROM, options_.from.c_str());
    set(CURLOPT_MAIL_RCPT, handle.recipients);
    set(CURLOPT_READFUNCTION, &read_upload);
    set(CURLOPT_READDATA, &upload);
    set(CURLOPT_UPLOAD, 1L);
    const auto code = curl_easy_perform(handle.curl);
    if (code == CURLE_OK) return;
    long answer = 0;
    curl_easy_getinfo(handle.curl, CURLINFO_RESPONSE_CODE, &answer);
    // 5yz is final by SMTP's own rule; nor does a certificate or a password get better by waiting.
    const bool hopeless = answer >= 500 || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_LOGIN_DENIED;
    throw Error(hopeless ? Fault::invalid : Fault::retryable,
                std::string("email: ") + (*reason ? reason : curl_easy_strerror(code)));
  }

  EmailOptions options_;
};

}  // namespace

std::string mail_of(const std::vector<Notice>& notices, const EmailOptions& options, Timestamp now) {
  const auto worst = std::min_element(notices.begin(), notices.end(),
                                      [](const Notice& a, const Notice& b) { return a.severity < b.severity; });
  std::string to;
  for (const auto& address : options.to) to += (to.empty() ? "" : ", ") + address;
  std::string subject = "[slipway] " + one_line(worst->title);
  if (notices.size() > 1) subject += " (and " + std::to_string(notices.size() - 1) + " more)";
  std::string mail = "Date: " + mail_date(now) + "\r\nFrom: " + options.from + "\r\nTo: " + to +
                     "\r\nSubject: " + subject + "\r\nMIME-Version: 1.0\r\n" +
                     "Content-Type: text/plain; charset=us-ascii\r\n\r\n";
  for (const auto& notice : notices) {
    mail += to_rfc3339(notice.at) + "  severity " + std::to_string(notice.severity) + "  " + one_line(notice.action) +
            "\r\n  " + one_line(notice.title) + "\r\n  " + one_line(notice.summary) + "\r\n";
    if (!notice.deployment.empty())
      mail += "  deployment " + one_line(notice.deployment) + "  instance " + one_line(notice.instance) + "\r\n";
    mail += "\r\n";
  }
  return mail;
}

std::unique_ptr<Plugin> make_email(EmailOptions options) { return std::make_unique<Email>(std::move(options)); }

}  // namespace slipway::health
