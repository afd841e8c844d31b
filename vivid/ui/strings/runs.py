"""Sentences about what is made of the inputs, and about the server: English template -> Chinese, as in inputs.py."""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    # What calibration could not measure
    "portrait and motion have no length in common: their pictures' sizes are compared": (
        "肖像与动作没有可比的长度：按画面尺寸比较"
    ),
    "the shoulders are not seen in both: the overall size is used": "双肩未在两者中同时可见：使用整体大小",
    "the hips are not seen in both: {}": "髋部未在两者中同时可见：{0}",
    "neck to nose is used": "使用颈到鼻的长度",
    "the width's factor is used": "使用宽度的系数",
    "the torso is not seen whole in both: the {} is used": "躯干未在两者中完整可见：使用{0}",
    "not seen in the {}: {} is used": "{0}中未见：使用{1}",
    "not seen in the {}: the global factor is used": "{0}中未见：使用整体系数",
    "foreshortened in the {} ({} of the other one, which is used)": "{0}中有透视缩短（为另一侧的 {1}，改用后者）",
    "foreshortened in the {} ({} of the usual): the global factor is used": (
        "{0}中有透视缩短（为常见长度的 {1}）：使用整体系数"
    ),
    # Settings
    "The {} is {}: choose a number of pixels.": "{0} 为 {1}：请填写像素数。",
    "The size is {} x {}: choose multiples of {} up to {}.": "尺寸为 {0} × {1}：请选择 {2} 的倍数，最大 {3}。",
    "The face does not fit into a video of {} x {}: choose a size of about the portrait's shape, which is {} x {}.": (
        "面部放不进 {0} × {1} 的视频：请选择与肖像形状相近的尺寸，肖像为 {2} × {3}。"
    ),
    "The number of steps is {}: choose 1 or more.": "步数为 {0}：请选择不小于 1 的值。",
    "The number of steps is {}: choose 1 to {}.": "步数为 {0}：请选择 1 到 {1}。",
    "{} makes a video in one step: {} steps are not possible, leave them out.": (
        "{0} 一步生成视频：无法使用 {1} 步，请勿填写步数。"
    ),
    "{} has no sampling steps: leave their number out.": "{0} 没有采样步数：请勿填写步数。",
    "Guidance has no effect on {}: leave it out.": "引导对 {0} 不起作用：请勿填写。",
    "{} has no {} to switch off: leave it out.": "{0} 没有可关闭的{1}：请勿填写。",
    "head stream": "头部音频流",
    "{} is {}: choose 0 to 20 (1 is no guidance).": "{0} 为 {1}：请选择 0 到 20（1 表示不引导）。",
    "The length is {} seconds: choose more than 0.": "长度为 {0} 秒：请选择大于 0 的值。",
    "The place of the crop is {}: choose 0 to 1.": "裁剪位置为 {0}：请选择 0 到 1。",
    "The seed is {}: choose a whole number from 0 on.": "种子为 {0}：请选择不小于 0 的整数。",
    # What of a portrait can move
    "No face was found in the portrait: choose a picture that shows one face from the front.": (
        "肖像中没有找到面部：请选择正面露出一张脸的图片。"
    ),
    "The face in the portrait is only {} pixels wide: choose a picture that shows it larger.": (
        "肖像中的面部仅宽 {0} 像素：请选择面部更大的图片。"
    ),
    "The head in the portrait is turned away by {} degrees: choose a picture that looks more towards the camera.": (
        "肖像中的头部偏转了 {0} 度：请选择更正对镜头的图片。"
    ),
    "The mouth is hidden or too dark in the portrait, so it cannot speak: choose a picture that shows the lips.": (
        "肖像中的嘴被遮挡或太暗，无法说话：请选择露出嘴唇的图片。"
    ),
    "The head is turned far to the side: its far half may smear.": "头部偏转较大：远侧半边可能模糊。",
    "The lips are hardly seen in this picture: the mouth may look wrong.": "图片中嘴唇不清楚：嘴部可能不自然。",
    "The {} elbow is outside of the picture, so this arm stays still.": "{0}肘在画面之外，因此这只手臂保持不动。",
    "You hold something in this picture, or something hides the {} arm, so this arm stays still.": (
        "图片中手里拿着东西，或{0}臂被遮挡，因此这只手臂保持不动。"
    ),
    "The {} hand is at the face in this picture, so this arm stays still.": (
        "图片中{0}手在脸旁，因此这只手臂保持不动。"
    ),
    "The {} hand is before the chest in this picture, so this arm stays still.": (
        "图片中{0}手在胸前，因此这只手臂保持不动。"
    ),
    "Loose clothes hang over the {} arm in this picture, so this arm stays still.": (
        "图片中宽松的衣物垂在{0}臂上，因此这只手臂保持不动。"
    ),
    "Loose clothes hang over both arms in this picture, so only the head moves.": (
        "图片中宽松的衣物垂在双臂上，因此只有头部会动。"
    ),
    "No shoulders are seen in this picture, so only the head moves.": "图片中看不到肩部，因此只有头部会动。",
    "There are several people in this picture, so only the head moves: an arm could cover somebody else.": (
        "图片中有多个人，因此只有头部会动：手臂可能挡住别人。"
    ),
    "The body is turned away in this picture, so only the head moves.": "图片中身体偏向一侧，因此只有头部会动。",
    "The elbows are outside of this picture and a hand is in it, so only the head moves.": (
        "双肘在画面之外而手在画面之内，因此只有头部会动。"
    ),
    "The arms are outside of this picture: hands come into it where the gestures raise them.": (
        "手臂在画面之外：手势抬手时，手才会进入画面。"
    ),
    "The arms touch each other in this picture and one of them cannot move, so only the head moves.": (
        "图片中双臂相触且其中一只无法移动，因此只有头部会动。"
    ),
    "Neither arm can be moved in this picture, so only the head moves: arms beside the body are best.": (
        "图片中两只手臂都无法移动，因此只有头部会动：双臂放在身体两侧效果最好。"
    ),
    "The size is {} x {}: choose one whose shorter side has {} to {} pixels.": (
        "尺寸为 {0} × {1}：请选择短边为 {2} 到 {3} 像素的尺寸。"
    ),
    "{} holds no weights of the clothes parser: restore it from the repository.": (
        "{0} 中没有服装分割网络的权重：请管理者从代码库恢复。"
    ),
    "{} is missing or damaged: install the program again.": "{0} 缺失或损坏：请管理者重新安装程序。",
    # Waiting and failing
    "The model is still loading: try again in a moment.": "模型仍在加载：请稍后再试。",
    "The model could not be loaded ({}): tell the person who runs this server.": (
        "模型无法加载（{0}）：请告知服务器管理者。"
    ),
    "{} videos are waiting already, which is the limit: try again in a few minutes.": (
        "已有 {0} 个视频在排队，达到上限：请过几分钟再试。"
    ),
    "Something went wrong on our side; nothing of yours is lost. Please try again.": (
        "服务器出了问题；您的内容没有丢失。请再试一次。"
    ),
    "Something went wrong on our side; your decisions are safe. Please try again.": (
        "服务器出了问题；您的决定没有丢失。请再试一次。"
    ),
    "The graphics memory is not enough for this: choose a smaller picture size and try again.": (
        "显存不足：请选择更小的视频尺寸再试。"
    ),
    "No pose detector is installed: run `pip install mediapipe==0.10.21`.": (
        "没有安装姿态检测器：请管理者运行 pip install mediapipe==0.10.21。"
    ),
    "MediaPipe is not installed: run `pip install mediapipe==0.10.21`.": (
        "没有安装 MediaPipe：请管理者运行 pip install mediapipe==0.10.21。"
    ),
}
