import Base
import Configuration
import Engine
import HTTP
import Samples

/// Actions that change heads.
extension HTTPExchange {
    enum Edit {
        case done
        /// There was no room, or the result would be no message.
        case failed
        /// The request is one that a rule does not let pass.
        case refused
    }

    /// Carries out an action on the head of a message.
    func edit(_ head: MessageHead, _ action: RuleAction, _ scope: StreamScope) -> Edit {
        let texts = context.texts
        switch action {
        case .addHeader(let name, let format):
            return outcome(head.add(name: name.span, value: texts.format(format, scope).span))
        case .setHeader(let name, let format):
            return outcome(head.set(name: name.span, value: texts.format(format, scope).span))
        case .deleteHeader(let pattern):
            deleteFields(of: head, pattern, scope)
            return .done
        case .replaceHeader(let name, let regex, let format):
            return replace(head, name, regex, format, scope, eachValue: false)
        case .replaceValue(let name, let regex, let format):
            return replace(head, name, regex, format, scope, eachValue: true)
        case .setStatus(let status, let reason):
            record.status = Int32(status)
            if let reason { return outcome(head.setStatus(HTTPStatus(UInt16(status)), reason: reason.span)) }
            return outcome(head.setStatus(HTTPStatus(UInt16(status))))
        case .set(let part, let format): return set(part, texts.format(format, scope).span)
        case .replace(let part, let regex, let format): return replace(part, regex, format, scope)
        case .normalize(let normalizer): return normalize(normalizer)
        default: return .done
        }
    }

    private func outcome(_ result: HeadEditResult) -> Edit { result == .done ? .done : .failed }

    // MARK: Fields

    private func deleteFields(of head: MessageHead, _ pattern: NamePattern, _ scope: StreamScope) {
        if case .exact(let name) = pattern {
            head.deleteAll(named: name.span)
            return
        }
        for index in 0..<head.fieldCount where head.isLive(index) && matches(head.name(index), pattern, scope) {
            head.delete(index)
        }
    }

    private func matches(_ name: Span<UInt8>, _ pattern: NamePattern, _ scope: StreamScope) -> Bool {
        switch pattern {
        case .exact(let text): return name.equalsIgnoringCase(text.span)
        case .prefix(let text):
            return name.count >= text.count && name.extracting(0..<text.count).equalsIgnoringCase(text.span)
        case .suffix(let text):
            return name.count >= text.count
                && name.extracting((name.count - text.count)..<name.count).equalsIgnoringCase(text.span)
        case .substring(let text):
            guard name.count >= text.count else { return false }
            for start in 0...(name.count - text.count)
            where name.extracting(start..<(start + text.count)).equalsIgnoringCase(text.span) {
                return true
            }
            return false
        case .regex(let regex): return regex.matches(name, scope.regexMatch)
        }
    }

    /// `replace-header`: a value that matches becomes the format, in which `\1` is the first group.
    private func replace(
        _ head: MessageHead, _ name: [UInt8], _ regex: Regex, _ format: LogFormat, _ scope: StreamScope, eachValue: Bool
    ) -> Edit {
        guard var index = head.firstIndex(named: name.span) else { return .done }
        let template = context.texts.format(format, scope)
        let end = head.fieldCount
        while true {
            let value = head.value(index)
            var changed = false
            let text = context.texts.make { line in
                changed =
                    eachValue
                    ? expandValues(value, regex, template.span, scope.regexMatch, to: &line)
                    : expandWhole(value, regex, template.span, scope.regexMatch, to: &line)
            }
            if changed {
                let result = head.setValue(index, text.span)
                if result != .done { return .failed }
            }
            guard let next = head.firstIndex(named: name.span, from: index + 1), next < end else { return .done }
            index = next
        }
    }

    private func expandWhole(
        _ value: Span<UInt8>, _ regex: Regex, _ template: Span<UInt8>, _ match: RegexMatch, to line: inout LogLine
    ) -> Bool {
        guard match.find(regex, in: value) else { return false }
        line.append(template, groupsOf: value, match)
        return true
    }

    /// Each of the values between commas by itself; the blanks around them stay.
    private func expandValues(
        _ value: Span<UInt8>, _ regex: Regex, _ template: Span<UInt8>, _ match: RegexMatch, to line: inout LogLine
    ) -> Bool {
        var changed = false
        var elements = ListElements()
        var copied = 0
        while let range = elements.next(value) {
            let element = value.extracting(range)
            guard match.find(regex, in: element) else { continue }
            changed = true
            line.append(value.extracting(copied..<range.lowerBound))
            line.append(template, groupsOf: element, match)
            copied = range.upperBound
        }
        if changed { line.append(value.extracting(copied..<value.count)) }
        return changed
    }

    // MARK: The target

    private func slice(_ part: RequestPart) -> HeadSlice {
        switch part {
        case .method: return request.methodSlice
        case .path: return request.pathSlice
        case .pathAndQuery: return request.pathAndQuerySlice
        case .query: return request.querySlice
        case .uri: return request.targetSlice
        }
    }

    private func replace(_ part: RequestPart, _ regex: Regex, _ format: LogFormat, _ scope: StreamScope) -> Edit {
        let template = context.texts.format(format, scope)
        let subject = request.span(slice(part))
        guard scope.regexMatch.find(regex, in: subject) else { return .done }
        let text = context.texts.make { $0.append(template.span, groupsOf: subject, scope.regexMatch) }
        // What was made goes through the first line again when the target is put together.
        return set(part, text.span)
    }

    /// Puts a part of the request line in place; the other parts stay as they are.
    private func set(_ part: RequestPart, _ text: Span<UInt8>) -> Edit {
        switch part {
        case .method: return outcome(request.setMethod(text))
        case .uri: return outcome(request.setTarget(text))
        default: break
        }
        let target = request.span(request.targetSlice)
        let path = request.span(request.pathSlice)
        let whole = request.span(request.pathAndQuerySlice)
        // A target without a path, such as `*`, is replaced as a whole.
        let start = target.count - whole.count
        context.texts.head.start(limit: context.bufferBytes)
        if start > 0 { context.texts.head.append(target.extracting(0..<start)) }
        switch part {
        case .path:
            context.texts.head.append(text)
            context.texts.head.append(whole.extracting(path.count..<whole.count))
        case .query:
            context.texts.head.append(path)
            let hasMark = whole.count > path.count && whole[path.count] == UInt8(ascii: "?")
            if hasMark || text.count > 0 { context.texts.head.append(UInt8(ascii: "?")) }
            context.texts.head.append(text)
        default: context.texts.head.append(text)
        }
        return setTarget()
    }

    /// The target becomes what stands in the line of heads.
    private func setTarget() -> Edit {
        // SAFETY: the line is not changed during the call, and the head copies the bytes.
        let bytes = unsafe Span<UInt8>(_unsafeBytes: context.texts.head.bytes)
        return outcome(request.setTarget(bytes))
    }

    private func normalize(_ normalizer: URINormalizer) -> Edit {
        let target = request.span(request.targetSlice)
        let whole = request.span(request.pathAndQuerySlice)
        if whole.isEmpty || whole[0] != UInt8(ascii: "/") { return .done }
        let start = target.count - whole.count
        context.texts.head.start(limit: context.bufferBytes)
        if start > 0 { context.texts.head.append(target.extracting(0..<start)) }
        guard URINormalization.write(whole, normalizer, to: &context.texts.head) else { return .refused }
        return setTarget()
    }
}

extension LogLine {
    mutating func append(_ span: Span<UInt8>) {
        // SAFETY: the span's bytes stand during the call.
        unsafe span.withUnsafeBytes { unsafe append(raw: $0) }
    }

    /// Writes a template: `\0` to `\9` are groups of a match, `\xHH` a byte, `\` before another character that one.
    mutating func append(_ template: Span<UInt8>, groupsOf subject: Span<UInt8>, _ match: RegexMatch) {
        var index = 0
        while index < template.count {
            let byte = template[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < template.count else {
                append(byte)
                continue
            }
            let next = template[index]
            index += 1
            if next.isDigit {
                if let range = match.group(Int(next - 0x30)) { append(subject.extracting(range)) }
            } else if next == UInt8(ascii: "x"), index + 1 < template.count, let high = template[index].hexValue,
                let low = template[index + 1].hexValue
            {
                append(high << 4 | low)
                index += 2
            } else {
                append(next)
            }
        }
    }
}
