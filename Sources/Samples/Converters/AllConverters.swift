/// All families of converters.
enum AllConverters {
    static let all: [ConverterKeyword] =
        ArithmeticConverters.all + TextConverters.all + EncodingConverters.all + HashConverters.all
        + CryptoConverters.all + TimeConverters.all + AddressConverters.all + VariableConverters.all
        + ProxyConverters.all + MapConverters.all + JSONConverters.all
        + JWTConverters.all + ProtobufConverters.all + FIXConverters.all + MQTTConverters.all
}
