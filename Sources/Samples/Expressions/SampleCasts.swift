import Base

/// Casts between the types of samples: what an input type accepts, and how the value changes (manual, chapter 7.3 and
/// the behaviour of HAProxy).
public enum SampleCasts {
    /// Whether a value of one type can ever be used where another is wanted: checked when the configuration is read.
    public static func exists(from type: SampleType, to input: ConverterInput) -> Bool {
        switch input {
        case .any: return true
        case .address: return type != .boolean && type != .method
        case .type(let wanted):
            if type == wanted { return true }
            switch (type, wanted) {
            case (.method, .string), (.method, .binary): return true
            case (_, .method): return type == .string
            case (.boolean, .ipv4), (.boolean, .ipv6): return false
            case (.method, _): return false
            case (.binary, .ipv4), (.binary, .boolean), (.binary, .integer): return true
            case (.ipv4, .boolean), (.ipv6, .boolean): return false
            default: return true
            }
        }
    }

    /// The value as another type; nil when this value cannot be cast.
    public static func cast(_ sample: Sample, to input: ConverterInput, _ scope: SampleScope) -> Sample? {
        switch input {
        case .any: return sample
        case .address:
            if sample.type == .ipv4 || sample.type == .ipv6 { return sample }
            return cast(sample, to: .ipv4, scope) ?? cast(sample, to: .ipv6, scope)
        case .type(let wanted): return cast(sample, to: wanted, scope)
        }
    }

    private static func cast(_ sample: Sample, to wanted: SampleType, _ scope: SampleScope) -> Sample? {
        if sample.type == wanted { return sample }
        if sample.isText && (wanted == .string || wanted == .binary || wanted == .method) {
            var copy = sample
            copy.retype(wanted)
            return copy
        }
        return nil
    }
}
