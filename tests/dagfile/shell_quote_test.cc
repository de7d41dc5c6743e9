#include "scheduler/dagfile/shell_quote.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>

#include "common/safe_json.h"
#include "scheduler/dagfile/template.h"

namespace batuta {
namespace {

std::string render(const std::string& command, const std::string& value, bool* ok = nullptr) {
  TemplateScope scope;
  scope.params_json = json_text({{"v", value}});
  const auto out = render_spec(json_text({{"params", {{"command", command}}}}), scope, true);
  if (ok) *ok = out.ok();
  if (!out) return out.error().message;
  return (*parse_untrusted(*out))["params"]["command"];
}

// What /bin/sh prints for a command.
std::string run_shell(const std::string& command) {
  int out[2];
  REQUIRE(::pipe(out) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(out[1], 1);
    ::close(out[0]);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(out[1]);
  std::string text;
  char chunk[4096];
  for (ssize_t n; (n = ::read(out[0], chunk, sizeof(chunk))) > 0;)
    text.append(chunk, static_cast<std::size_t>(n));
  ::close(out[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

}  // namespace

TEST_CASE("a value stays one value wherever it stands, whatever it holds") {
  // One process runs many of them; each placement prints the value and a line of its own.
  const std::vector<std::string> places = {
      "printf '%s' {{ params.v }}",
      "printf '%s' \"{{ params.v }}\"",
      "printf '%s' '{{ params.v }}'",
      "printf '%s' \"$(printf '%s.' {{ params.v }})\"",
      "printf '%s' \"$(printf '%s.' \"{{ params.v }}\")\"",
      "( printf '%s' pre{{ params.v }}post )",
      "X={{ params.v }}; printf '%s' \"$X\"",
      "printf '%s' \"a\"'b'{{ params.v }}\"c\"",
  };
  const std::vector<std::pair<std::string, std::string>> around = {
      {"", ""}, {"", ""}, {"", ""}, {"", "."}, {"", "."}, {"pre", "post"}, {"", ""}, {"ab", "c"}};
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::string alphabet = "'\"\\$`!*?#;&|<>(){}[]~ \t\nab%=-\xC3\xA9";
  for (int round = 0; round < 40; ++round) {
    std::string value;
    for (unsigned i = random() % 24; i > 0; --i)
      value += alphabet[random() % (alphabet.size() - 2)];
    if (round == 0) value = "'; touch /tmp/pwned; echo '";
    if (round == 1) value = "$(touch /tmp/pwned)`id`${HOME}";
    if (round == 2) value = "\\";
    if (round == 3) value = "";
    for (std::size_t i = 0; i < places.size(); ++i) {
      CAPTURE(value);
      CAPTURE(places[i]);
      CHECK(run_shell(render(places[i], value)) == around[i].first + value + around[i].second);
    }
  }
}

TEST_CASE("a place where no quoting is safe is refused") {
  for (const char* command :
       {"echo `ls {{ params.v }}`", "cat <<EOF\n{{ params.v }}\nEOF", "echo \\{{ params.v }}",
        "echo ${{ params.v }}", "echo \"${{ params.v }}\"", "echo x # note {{ params.v }}",
        "echo $(( {{ params.v }} ))", "echo \"$(( {{ params.v }} ))\"", "echo ${X:-{{ params.v }}}",
        "echo \"${X:-'{{ params.v }}'}\"", "echo $'{{ params.v }}'", "echo \"\\{{ params.v }}\"",
        "echo \"$(case a in a) echo '{{ params.v }}';; esac)\"", "echo $[{{ params.v }}]"}) {
    CAPTURE(std::string(command));
    bool ok = true;
    const auto message = render(command, "x", &ok);
    CHECK_FALSE(ok);
    CHECK(message.find("quoted safely") != std::string::npos);
  }
}

TEST_CASE("ordinary commands with values are not refused") {
  for (const char* command :
       {"case {{ params.v }} in a) echo a;; *) echo \"{{ params.v }}\";; esac",
        "for f in *; do echo \"$f\" {{ params.v }}; done", "echo $# $? $$ {{ params.v }}",
        "x=$(date) && echo \"$x {{ params.v }}\"", "echo `date` {{ params.v }}",
        "# a comment with don't\necho {{ params.v }}", "echo a#b {{ params.v }}",
        "echo \"${HOME}\" {{ params.v }}", "test 1 -lt 2 && cat < {{ params.v }}"}) {
    CAPTURE(std::string(command));
    bool ok = false;
    render(command, "x", &ok);
    CHECK(ok);
  }
}

TEST_CASE("raw lets a value through, and the text after it is judged with it") {
  CHECK(render("echo {{ params.v | raw }}", "a b; c") == "echo a b; c");
  CHECK(render("{{ params.v | raw }} {{ params.v }}", "x") == "x 'x'");
  bool ok = true;
  render("echo {{ params.v | raw }} {{ params.v }}", "`", &ok);
  CHECK_FALSE(ok);
}

TEST_CASE("a value with NUL never reaches a command") {
  bool ok = true;
  render("echo {{ params.v }}", std::string("a\0b", 3), &ok);
  CHECK_FALSE(ok);
}

TEST_CASE("only the command is quoted, not its environment") {
  TemplateScope scope;
  scope.params_json = R"({"v":"a b"})";
  const auto out = render_spec(
      R"({"params":{"command":"{{ params.v }}","env":{"X":"{{ params.v }}"}}})", scope, true);
  REQUIRE(out.ok());
  const auto params = (*parse_untrusted(*out))["params"];
  CHECK(params["command"] == "'a b'");
  CHECK(params["env"]["X"] == "a b");
}

}  // namespace batuta
