import Base
import COpenSSL

/// JSON Web Tokens (manual, section 7.3.1; RFC 7515 and RFC 7518).
enum JWTConverters {
    static let all: [ConverterKeyword] = [
        query("jwt_header_query", "The header of a JSON Web Token, or the value at a path in it", part: 0),
        query("jwt_payload_query", "The payload of a JSON Web Token, or the value at a path in it", part: 1),
        ConverterKeyword(
            "jwt_verify", ArgumentShape([.string, .string]), .type(.binary), .type(.integer),
            "Whether the signature of a JSON Web Token is right: 1; 0 and negative numbers are failures",
            prepare: { arguments, context throws(ArgumentFailure) in try JWTVerification(arguments, context) }
        ) { sample, scope, arguments in
            arguments.made(JWTVerification.self)?.verify(sample.span, scope)
        },
    ]

    private static func query(_ name: String, _ documentation: String, part: Int) -> ConverterKeyword {
        ConverterKeyword(
            name, ArgumentShape(optional: [.string, .string]), .type(.binary), .any, documentation,
            prepare: { arguments, _ throws(ArgumentFailure) in
                arguments.string(0).isEmpty ? nil : try JSONQuery(arguments, 0)
            }
        ) { sample, scope, arguments in
            guard let parts = JWTParts(sample.span), let range = parts.range(part),
                let text = scope.scratch.compose(
                    .string, { Base64.decode(sample.span.extracting(range), .url, to: &$0) })
            else { return nil }
            guard let query = arguments.made(JSONQuery.self) else { return text }
            return query.find(in: text.span, scope)
        }
    }
}

/// The three parts of a token, between dots.
struct JWTParts {
    private let header: Range<Int>
    private let payload: Range<Int>
    /// Nil in a token of two parts.
    let signature: Range<Int>?

    init?(_ token: Span<UInt8>) {
        var places: [Int] = []
        for index in token.indices where token[index] == UInt8(ascii: ".") {
            places.append(index)
            if places.count > 2 { return nil }
        }
        guard let first = places.first else { return nil }
        header = 0..<first
        payload = (first + 1)..<(places.count > 1 ? places[1] : token.count)
        signature = places.count > 1 ? (places[1] + 1)..<token.count : nil
    }

    func range(_ index: Int) -> Range<Int>? { index == 0 ? header : payload }

    /// What is signed: header, dot and payload.
    var signed: Range<Int> { 0..<payload.upperBound }
}

/// Algorithms of RFC 7518, section 3.1.
enum JWTAlgorithm: String {
    case none
    case hs256 = "HS256", hs384 = "HS384", hs512 = "HS512"
    case rs256 = "RS256", rs384 = "RS384", rs512 = "RS512"
    case es256 = "ES256", es384 = "ES384", es512 = "ES512"
    case ps256 = "PS256", ps384 = "PS384", ps512 = "PS512"

    enum Family { case none, hmac, rsa, ecdsa, pss }

    var family: Family {
        switch self {
        case .none: .none
        case .hs256, .hs384, .hs512: .hmac
        case .rs256, .rs384, .rs512: .rsa
        case .es256, .es384, .es512: .ecdsa
        case .ps256, .ps384, .ps512: .pss
        }
    }

    var digestIndex: Int {
        switch self {
        case .hs384, .rs384, .es384, .ps384: 1
        case .hs512, .rs512, .es512, .ps512: 2
        default: 0
        }
    }
}

/// Verifies signatures with a secret or a public key.
final class JWTVerification: Sendable {
    private let algorithm: JWTAlgorithm?
    private let algorithmVariable: VariableName?
    private let secret: LiteralBytes
    private let secretVariable: VariableName?
    private let key: PublicKey?
    private let digests: [Digest]

    /// What is returned besides 0 and 1.
    private enum Failure: Int {
        case unknownAlgorithm = -1
        case unmanagedAlgorithm = -2
        case invalidToken = -3
        case unknownCertificate = -5
    }

    init(_ arguments: Arguments, _ context: ArgumentContext) throws(ArgumentFailure) {
        let name = arguments.string(0)
        algorithmVariable = try? ArgumentReader.variable(name, 0)
        algorithm = JWTAlgorithm(rawValue: String(decoding: name, as: UTF8.self))
        guard algorithmVariable != nil || (algorithm != nil && algorithm?.family != .pss) else {
            throw ArgumentFailure(0, "'\(String(decoding: name, as: UTF8.self))' is no algorithm that can be verified")
        }
        let word = arguments.string(1)
        secretVariable = try? ArgumentReader.variable(word, 1)
        secret = LiteralBytes(word)
        digests = [try Digest("sha256", 0), try Digest("sha384", 0), try Digest("sha512", 0)]
        if secretVariable == nil, algorithm?.family != .hmac, algorithm?.family != JWTAlgorithm.Family.none,
            let file = try? context.readFile(String(decoding: word, as: UTF8.self))
        {
            key = PublicKey(file)
        } else {
            key = nil
        }
    }

    func verify(_ token: Span<UInt8>, _ scope: SampleScope) -> Sample? {
        var algorithm = algorithm
        if let algorithmVariable {
            guard let value = scope.variable(algorithmVariable) else { return nil }
            let name = value.span
            algorithm = JWTAlgorithm(
                rawValue: String(decoding: name.indices.prefix(8).map { name[$0] }, as: UTF8.self))
        }
        guard let algorithm else { return result(.unknownAlgorithm) }
        if algorithm.family == .pss { return result(.unmanagedAlgorithm) }
        guard let parts = JWTParts(token), let place = parts.signature else { return result(.invalidToken) }
        if algorithm.family == .none { return Sample(place.isEmpty ? 1 : 0) }
        guard !place.isEmpty,
            let signature = scope.scratch.compose(
                .binary, { Base64.decode(token.extracting(place), .url, to: &$0) })
        else { return result(.invalidToken) }
        let signed = token.extracting(parts.signed)
        let digest = digests[algorithm.digestIndex]
        if algorithm.family == .hmac {
            var key = secret.sample()
            if let secretVariable {
                guard let value = scope.variable(secretVariable) else { return nil }
                key = value
            }
            guard let code = digest.authenticate(signed, key: key.span, scope) else { return nil }
            // SAFETY: both have that many bytes.
            let isSame =
                unsafe code.byteCount == signature.byteCount
                && CRYPTO_memcmp(code.bytes.baseAddress, signature.bytes.baseAddress, code.byteCount) == 0
            return Sample(isSame ? 1 : 0)
        }
        guard let key else { return result(.unknownCertificate) }
        guard algorithm.family == .ecdsa else {
            return Sample(key.verifies(signature.span, of: signed, digest) ? 1 : 0)
        }
        let half = [32, 48, 66][algorithm.digestIndex]
        guard signature.byteCount == 2 * half else { return result(.invalidToken) }
        let der = JWTVerification.encoded(signature.span, half: half)
        return Sample(key.verifies(der.span, of: signed, digest) ? 1 : 0)
    }

    private func result(_ failure: Failure) -> Sample { Sample(failure.rawValue) }

    /// Two numbers as libcrypto wants them: a sequence of two integers (X.690), from the two halves of RFC 7518.
    private static func encoded(_ signature: Span<UInt8>, half: Int) -> [UInt8] {
        var contents: [UInt8] = []
        for start in [0, half] {
            var digits = (start..<(start + half)).map { signature[$0] }
            digits = Array(digits.drop { $0 == 0 })
            if digits.isEmpty || digits[0] & 0x80 != 0 { digits.insert(0, at: 0) }
            contents += [0x02, UInt8(digits.count)] + digits
        }
        let length: [UInt8] = contents.count < 128 ? [UInt8(contents.count)] : [0x81, UInt8(contents.count)]
        return [0x30] + length + contents
    }
}

/// A public key, from a file that holds it or a certificate of it, in PEM.
// SAFETY: Sendable because the key is not changed; libcrypto allows threads to share it; freed in `deinit`.
@safe
final class PublicKey: @unchecked Sendable {
    private let key: OpaquePointer

    init?(_ pem: [UInt8]) {
        // SAFETY: the text is read while it stands; what is made is freed here, or owned by this object.
        let made: OpaquePointer? = unsafe pem.withUnsafeBytes { bytes in
            func open() -> OpaquePointer? { unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) }
            guard let text = unsafe open() else { return nil }
            defer { unsafe BIO_free(text) }
            if let key = unsafe PEM_read_bio_PUBKEY(text, nil, nil, nil) { return unsafe key }
            ERR_clear_error()
            guard let again = unsafe open() else { return nil }
            defer { unsafe BIO_free(again) }
            guard let certificate = unsafe PEM_read_bio_X509(again, nil, nil, nil) else {
                ERR_clear_error()
                return nil
            }
            defer { unsafe X509_free(certificate) }
            return unsafe X509_get_pubkey(certificate)
        }
        guard let made = unsafe made else { return nil }
        unsafe key = made
    }

    deinit { unsafe EVP_PKEY_free(key) }

    func verifies(_ signature: Span<UInt8>, of bytes: Span<UInt8>, _ digest: Digest) -> Bool {
        // SAFETY: the context is freed here; signature and bytes are read during the call.
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer {
            unsafe EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        guard unsafe EVP_DigestVerifyInit(context, nil, digest.algorithm, nil, key) == 1 else { return false }
        return unsafe signature.withUnsafeBytes { signature in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe EVP_DigestVerify(
                    context, signature.bindMemory(to: UInt8.self).baseAddress, signature.count,
                    bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count) == 1
            }
        }
    }
}
