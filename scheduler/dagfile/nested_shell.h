// Commands that hand a text to another shell, where a value that was quoted for the first is code.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// The program that reads what follows `before` as code: "sh -c", "ssh", "eval"; nullopt where none
// does. It reads the command as sh would, far enough for what people write; it is a warning's eye,
// not a guard's.
std::optional<std::string> reads_as_code(std::string_view before);

// The program whose arguments what follows `before` is one of; nullopt where it is none: of a
// command that sh does by itself (echo, printf, …), of an assignment.
std::optional<std::string> program_given(std::string_view before);

// Passwords (params with "format": "password") in the arguments of programs, where `ps` shows them
// to everybody on the host; with their place in the file.
std::vector<FieldProblem> password_argument_warnings(const Dag& dag);

// Templates in shell commands that such a program would read, with their place in the file.
std::vector<FieldProblem> nested_shell_warnings(const Dag& dag);

}  // namespace batuta
