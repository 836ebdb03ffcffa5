// Depth in meters of a photo, by a file that `metricdepth export onnx` wrote and ONNX Runtime's C interface.
//
//   c++ -std=c++17 -I $ONNXRUNTIME/include depth.cpp -L $ONNXRUNTIME/lib -lonnxruntime -o depth
//   ./depth lite.onnx photo.ppm FX FY CX CY depth.pfm
//
// The photo is a binary PPM; FX, FY, CX, CY are its intrinsics [px]; depth.pfm gets float32 meters, 0 is invalid.
#include <onnxruntime_c_api.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

static const OrtApi* ort = nullptr;

static void check(OrtStatus* status) {
    if (!status) return;
    const std::string message = ort->GetErrorMessage(status);
    ort->ReleaseStatus(status);
    throw std::runtime_error(message);
}

struct Image {
    int64_t width = 0, height = 0;
    std::vector<uint8_t> rgb;
};

static Image read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    int64_t maximum = 0;
    Image image;
    file >> kind;
    for (int64_t* value : {&image.width, &image.height, &maximum}) {
        while ((file >> std::ws).peek() == '#') file.ignore(1 << 20, '\n');  // comments
        file >> *value;
    }
    file.get();
    if (!file || kind != "P6" || maximum != 255 || image.width < 1 || image.height < 1 || image.width > 65536 ||
        image.height > 65536)
        throw std::runtime_error(path + " is no binary PPM image of 8 bits");
    image.rgb.resize(3 * image.width * image.height);
    if (!file.read(reinterpret_cast<char*>(image.rgb.data()), image.rgb.size()))
        throw std::runtime_error(path + " is cut off");
    return image;
}

static void write_pfm(const std::string& path, const float* depth, int64_t width, int64_t height) {
    std::ofstream file(path, std::ios::binary);
    file << "Pf\n" << width << ' ' << height << "\n-1\n";  // little endian, rows from the bottom up
    for (int64_t row = height - 1; row >= 0; --row)
        file.write(reinterpret_cast<const char*>(depth + row * width), width * sizeof(float));
    if (!file.flush()) throw std::runtime_error(path + " cannot be written");
}

static int run(char** words) {
    ort = OrtGetApiBase()->GetApi(17);  // any newer ONNX Runtime has this version, too
    if (!ort) throw std::runtime_error("this ONNX Runtime is older than 1.17");
    OrtEnv* environment = nullptr;
    OrtSessionOptions* options = nullptr;
    OrtSession* session = nullptr;
    OrtMemoryInfo* memory = nullptr;
    check(ort->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "depth", &environment));
    check(ort->CreateSessionOptions(&options));
    check(ort->CreateSession(environment, words[1], options, &session));
    check(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));

    Image image = read_ppm(words[2]);
    std::array<float, 4> intrinsics;
    for (int i = 0; i < 4; ++i) {
        std::istringstream text(words[3 + i]);
        if (!(text >> intrinsics[i]) || !text.eof() || !std::isfinite(intrinsics[i]) || (i < 2 && intrinsics[i] <= 0))
            throw std::runtime_error(text.str() + " is no " + (i < 2 ? "focal length" : "center") + " [px]");
    }
    const std::array<int64_t, 3> shape = {image.height, image.width, 3};
    const int64_t four = 4;
    std::array<OrtValue*, 2> inputs = {};
    check(ort->CreateTensorWithDataAsOrtValue(memory, image.rgb.data(), image.rgb.size(), shape.data(), 3,
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, &inputs[0]));
    check(ort->CreateTensorWithDataAsOrtValue(memory, intrinsics.data(), sizeof(intrinsics), &four, 1,
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &inputs[1]));
    const std::array<const char*, 2> names = {"image", "intrinsics"};
    const char* wanted = "depth";
    OrtValue* output = nullptr;
    check(ort->Run(session, nullptr, names.data(), inputs.data(), 2, &wanted, 1, &output));
    float* depth = nullptr;
    check(ort->GetTensorMutableData(output, reinterpret_cast<void**>(&depth)));
    write_pfm(words[7], depth, image.width, image.height);
    std::cout << "center: " << depth[image.height / 2 * image.width + image.width / 2] << " m\n";
    return 0;  // the process ends, and with it all that ONNX Runtime holds
}

int main(int count, char** words) try {
    if (count == 8) return run(words);
    std::cerr << "usage: depth MODEL.onnx PHOTO.ppm FX FY CX CY DEPTH.pfm\n";
    return 2;
} catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
